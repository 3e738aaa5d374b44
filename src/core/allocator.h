// The one allocator for tensors, arenas, packed weights and file buffers, so that accounting and
// fault-injection tests see every byte. Small host objects (strings, vectors of nodes) are not tensors
// and use the ordinary heap.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace newbie {

class Allocator;

// Owns aligned bytes; gives them back to its Allocator. Move-only. The Allocator must outlive it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  friend class Allocator;
  Buffer(Allocator* owner, std::byte* data, size_t size, size_t mapped)
      : owner_(owner), data_(data), size_(size), mapped_(mapped) {}

  Allocator* owner_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t mapped_ = 0;  // bytes of the mapping behind a large buffer; 0 when it lies on the heap
};

// Thread-safe. Every block is aligned to kAlignment bytes and starts uninitialised (large blocks: zero pages).
class Allocator {
 public:
  static constexpr size_t kAlignment = 64;

  // Called before every allocation with (sequence number from 0, bytes); returning false makes it fail.
  using FaultHook = std::function<bool(size_t sequence, size_t bytes)>;

  explicit Allocator(FaultHook hook = {}) : hook_(std::move(hook)) {}
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // Throws Error{OverBudget} naming `purpose` and the size when memory cannot be had. 0 bytes gives an empty Buffer.
  Buffer allocate(size_t bytes, const char* purpose);

  // Small blocks that were given back lie on the heap, which keeps them: the system gets their pages now.
  static void trim() noexcept;

  size_t in_use_bytes() const { return in_use_; }
  size_t peak_bytes() const { return peak_; }  // since the start or the last reset_peak()
  void reset_peak() { peak_ = in_use_.load(); }

 private:
  friend class Buffer;
  void release(std::byte* data, size_t size, size_t mapped) noexcept;

  FaultHook hook_;
  std::atomic<size_t> sequence_{0};
  std::atomic<size_t> in_use_{0};
  std::atomic<size_t> peak_{0};
};

}  // namespace newbie
