// Shape: up to five extents, row-major, the last one fastest.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "core/checked.h"

namespace newbie {

class Shape {
 public:
  static constexpr int kMaxRank = 5;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const int64_t> extents) {
    if (extents.size() > kMaxRank)
      fail(ErrorKind::Unsupported, "shape of rank {}, at most {}", extents.size(), kMaxRank);
    for (int64_t e : extents) {
      if (e < 0) fail(ErrorKind::InvalidRequest, "negative extent {} in a shape", e);
      extents_[static_cast<size_t>(rank_++)] = e;
    }
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[static_cast<size_t>(axis < 0 ? axis + rank_ : axis)]; }
  int64_t last() const { return (*this)[-1]; }
  std::span<const int64_t> extents() const { return {extents_.data(), static_cast<size_t>(rank_)}; }

  size_t elements() const {
    size_t n = 1;
    for (int64_t e : extents()) n = checked_mul(n, static_cast<size_t>(e));
    return n;
  }
  // Number of rows when the last axis is the row: elements / last().
  int64_t rows() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < rank_; ++i)
      if (__builtin_mul_overflow(n, extents_[static_cast<size_t>(i)], &n))
        fail(ErrorKind::InvalidRequest, "size overflow: the rows of {}", str());
    return n;
  }

  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int i = 0; i < rank_; ++i)
      if ((*this)[i] != other[i]) return false;
    return true;
  }

  std::string str() const;  // "[2304, 64]"

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

}  // namespace newbie
