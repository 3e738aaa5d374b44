// HostCopies: values of a run as the host can read them, for those who look on.
#pragma once

#include <vector>

#include "core/memory_space.h"
#include "core/tensor.h"

namespace newbie {

// Where they lie, or downloaded into one place, to be read at once.
class HostCopies {
 public:
  explicit HostCopies(MemorySpace* memory) : memory_(memory) {}  // null: the host's

  TensorView of(const TensorSpec& spec, const std::byte* at) {
    if (memory_ == nullptr) return {spec, const_cast<std::byte*>(at)};
    const size_t bytes = spec.bytes();
    if (copy_.size() < bytes) copy_.resize(bytes);
    memory_->download(at, copy_.data(), bytes);
    return {spec, copy_.data()};
  }
  // What was changed in the last copy is put back where it came from.
  void put_back(const TensorView& copy, std::byte* at) const {
    if (memory_ != nullptr) memory_->upload(copy.data, at, copy.spec.bytes());
  }

 private:
  MemorySpace* memory_;
  std::vector<std::byte> copy_;
};

}  // namespace newbie
