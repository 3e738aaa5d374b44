// Numbers on their way into a file of a narrower dtype: what that cannot hold is an error, not infinity or nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/dtype.h"

namespace newbie {

// Of one tensor, a piece at a time.
class Narrowing {
 public:
  // `name` is the tensor's, for messages; `dtype` a float of 16 bits or more.
  Narrowing(std::string name, DType dtype) : Narrowing(std::move(name), dtype, std::string(to_string(dtype))) {}
  // By check() alone; `format` is what it is narrowed to.
  Narrowing(std::string name, std::string format) : Narrowing(std::move(name), DType::F32, std::move(format)) {}

  // Rounds `values` to nearest into `out`, which has room for as many of the dtype. Error{InvalidRequest} when one that
  // is finite is none there.
  void convert(std::span<const float> values, std::byte* out);
  // The same of values that were narrowed otherwise, `kept` being what is left of each.
  void check(std::span<const float> values, std::span<const float> kept);
  // Behind the last piece. Error{InvalidRequest} when some were not 0 and all of them are now.
  void finish() const;

 private:
  Narrowing(std::string name, DType dtype, std::string format)
      : name_(std::move(name)), dtype_(dtype), format_(std::move(format)) {}

  std::string name_;
  DType dtype_;
  std::string format_;  // in words
  bool had_some_ = false, has_some_ = false;
};

}  // namespace newbie
