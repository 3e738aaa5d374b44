// Size arithmetic that refuses to wrap. Every size that comes from a file or a user goes through here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/error.h"

namespace newbie {

inline size_t checked_mul(size_t a, size_t b) {
  size_t out = 0;
  if (__builtin_mul_overflow(a, b, &out)) fail(ErrorKind::InvalidRequest, "size overflow: {} x {}", a, b);
  return out;
}

inline size_t checked_add(size_t a, size_t b) {
  size_t out = 0;
  if (__builtin_add_overflow(a, b, &out)) fail(ErrorKind::InvalidRequest, "size overflow: {} + {}", a, b);
  return out;
}

constexpr size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }
constexpr int64_t ceil_div(int64_t value, int64_t step) { return (value + step - 1) / step; }

}  // namespace newbie
