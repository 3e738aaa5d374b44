#include "core/memory_space.h"

#include <utility>

#include "core/error.h"
#include "core/machine.h"

namespace newbie {

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

Buffer MemorySpace::allocate(size_t bytes, const char* purpose) {
  if (bytes == 0) return {};
  Block block;
  if (!hook_ || hook_(sequence_++, bytes)) block = obtain(bytes);
  if (block.data == nullptr)
    fail_with_hint(ErrorKind::OverBudget, hint_for_refused_memory(bytes),
                   "out of memory: could not get {} bytes for {}", bytes, purpose);
  const size_t now = in_use_ += bytes;
  size_t seen = peak_;
  while (now > seen && !peak_.compare_exchange_weak(seen, now)) {
  }
  return Buffer(this, block.data, bytes, block.mapped);
}

void MemorySpace::release(std::byte* data, size_t size, size_t mapped) noexcept {
  in_use_ -= size;
  give_back({data, mapped});
}

}  // namespace newbie
