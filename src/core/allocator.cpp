#include "core/allocator.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "core/checked.h"

namespace newbie {

namespace {
// From here on a block is its own mapping: freeing it returns the pages to the system at once, and the
// resident size is what was really touched.
constexpr size_t kMapFrom = 256 * 1024;
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = 2 * 1024 * 1024;
}  // namespace

MemorySpace::Block Allocator::obtain(size_t bytes) {
  if (bytes < kMapFrom) return {static_cast<std::byte*>(std::aligned_alloc(kAlignment, round_up(bytes, kAlignment)))};
  const size_t mapped = round_up(bytes, kPage);
  void* p = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return {};
  // Only where rounding up to whole huge pages cannot inflate the resident size noticeably.
  if (mapped >= 8 * kHugePage) madvise(p, mapped, MADV_HUGEPAGE);
  return {static_cast<std::byte*>(p), mapped};
}

void Allocator::give_back(const Block& block) noexcept {
  if (block.mapped != 0)
    munmap(block.data, block.mapped);
  else
    std::free(block.data);
}

void Allocator::upload(const std::byte* host, std::byte* here, size_t bytes) { copy(host, here, bytes); }
void Allocator::download(const std::byte* here, std::byte* host, size_t bytes) { copy(here, host, bytes); }
void Allocator::copy(const std::byte* from, std::byte* to, size_t bytes) {
  if (bytes != 0) std::memcpy(to, from, bytes);
}

void Allocator::trim() noexcept {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace newbie
