// MemorySpace: where tensors lie. The host's memory (core/allocator.h) is one, a device's heap is another. All bytes of
// tensors, arenas and prepared weights come from a space, so that accounting and fault-injection tests see every one.
// An address names a byte of one space: the program itself reads and writes those of the host's memory alone, and adds
// offsets to all.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace newbie {

class MemorySpace;

// Owns aligned bytes; gives them back to its space. Move-only. The space must outlive it.
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
  friend class MemorySpace;
  Buffer(MemorySpace* owner, std::byte* data, size_t size, size_t mapped)
      : owner_(owner), data_(data), size_(size), mapped_(mapped) {}

  MemorySpace* owner_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t mapped_ = 0;  // the space's own note
};

// Thread-safe. Every block is aligned to kAlignment bytes.
class MemorySpace {
 public:
  static constexpr size_t kAlignment = 64;

  // Called before every allocation with (sequence number from 0, bytes); returning false makes it fail.
  using FaultHook = std::function<bool(size_t sequence, size_t bytes)>;

  explicit MemorySpace(FaultHook hook = {}) : hook_(std::move(hook)) {}
  virtual ~MemorySpace() = default;
  MemorySpace(const MemorySpace&) = delete;
  MemorySpace& operator=(const MemorySpace&) = delete;

  // Throws Error{OverBudget} naming `purpose` and the size when memory cannot be had. 0 bytes gives an empty Buffer.
  // What it holds is not known.
  Buffer allocate(size_t bytes, const char* purpose);

  // Whether addresses of this space may be read and written directly.
  virtual bool is_host() const = 0;

  // Between this space and the host's memory, and inside this space. Each returns when the bytes are there; ranges do
  // not overlap. A device's space checks that its ranges lie in its blocks: Error{Internal} else.
  virtual void upload(const std::byte* host, std::byte* here, size_t bytes) = 0;
  virtual void download(const std::byte* here, std::byte* host, size_t bytes) = 0;
  virtual void copy(const std::byte* from, std::byte* to, size_t bytes) = 0;

  size_t in_use_bytes() const { return in_use_; }
  size_t peak_bytes() const { return peak_; }  // since the start or the last reset_peak()
  void reset_peak() { peak_ = in_use_.load(); }

 protected:
  struct Block {
    std::byte* data = nullptr;  // null: no memory
    size_t mapped = 0;          // given back with it
  };
  virtual Block obtain(size_t bytes) = 0;
  virtual void give_back(const Block& block) noexcept = 0;

 private:
  friend class Buffer;
  void release(std::byte* data, size_t size, size_t mapped) noexcept;

  FaultHook hook_;
  std::atomic<size_t> sequence_{0};
  std::atomic<size_t> in_use_{0};
  std::atomic<size_t> peak_{0};
};

}  // namespace newbie
