#include "core/allocator.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdlib>
#include <utility>

#include "core/checked.h"

namespace newbie {

namespace {
// From here on a block is its own mapping: freeing it returns the pages to the system at once, and the
// resident size is what was really touched.
constexpr size_t kMapFrom = 256 * 1024;
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = 2 * 1024 * 1024;
}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ != nullptr) owner_->release(data_, size_, mapped_);
}

Buffer Allocator::allocate(size_t bytes, const char* purpose) {
  if (bytes == 0) return {};
  std::byte* data = nullptr;
  size_t mapped = 0;
  if (!hook_ || hook_(sequence_++, bytes)) {
    if (bytes >= kMapFrom) {
      mapped = round_up(bytes, kPage);
      void* p = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p != MAP_FAILED) data = static_cast<std::byte*>(p);
      // Only where rounding up to whole huge pages cannot inflate the resident size noticeably.
      if (data != nullptr && mapped >= 8 * kHugePage) madvise(data, mapped, MADV_HUGEPAGE);
    } else {
      data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, round_up(bytes, kAlignment)));
    }
  }
  if (data == nullptr)
    fail_with_hint(ErrorKind::OverBudget, "close other programs, or ask for a smaller picture or --memory",
                   "out of memory: could not get {} bytes for {}", bytes, purpose);
  const size_t now = in_use_ += bytes;
  size_t seen = peak_;
  while (now > seen && !peak_.compare_exchange_weak(seen, now)) {
  }
  return Buffer(this, data, bytes, mapped);
}

void Allocator::trim() noexcept {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

void Allocator::release(std::byte* data, size_t size, size_t mapped) noexcept {
  in_use_ -= size;
  if (mapped != 0)
    munmap(data, mapped);
  else
    std::free(data);
}

}  // namespace newbie
