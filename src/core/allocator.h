// The host's memory, for tensors, arenas, packed weights and file buffers. Small host objects (strings, vectors of
// nodes) are not tensors and use the ordinary heap.
#pragma once

#include "core/memory_space.h"

namespace newbie {

// Blocks start uninitialised (large ones: zero pages).
class Allocator final : public MemorySpace {
 public:
  using MemorySpace::MemorySpace;

  bool is_host() const override { return true; }
  void upload(const std::byte* host, std::byte* here, size_t bytes) override;
  void download(const std::byte* here, std::byte* host, size_t bytes) override;
  void copy(const std::byte* from, std::byte* to, size_t bytes) override;

  // Small blocks that were given back lie on the heap, which keeps them: the system gets their pages now.
  static void trim() noexcept;

 private:
  Block obtain(size_t bytes) override;
  void give_back(const Block& block) noexcept override;  // `mapped`: bytes of the mapping; 0: it lies on the heap
};

}  // namespace newbie
