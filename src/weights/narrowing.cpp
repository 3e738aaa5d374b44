#include "weights/narrowing.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/float_formats.h"

namespace newbie {

namespace {

constexpr size_t kLookedAtOnce = 16 * 1024;  // elements
constexpr const char* kHint = "bf16 and f32 have the range";

}  // namespace

void Narrowing::convert(std::span<const float> values, std::byte* out) {
  newbie::convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), dtype_, out, values.size());
  std::vector<float> kept(std::min(values.size(), kLookedAtOnce));
  for (size_t first = 0; first < values.size(); first += kept.size()) {
    const size_t count = std::min(kept.size(), values.size() - first);
    newbie::convert(dtype_, out + first * size_of(dtype_), DType::F32, reinterpret_cast<std::byte*>(kept.data()),
                    count);
    check(values.subspan(first, count), kept);
  }
}

void Narrowing::check(std::span<const float> values, std::span<const float> kept) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && !std::isfinite(kept[i]))
      fail_with_hint(ErrorKind::InvalidRequest, kHint, "{}: {} is beyond what {} holds", name_, values[i], format_);
    had_some_ = had_some_ || values[i] != 0;
    has_some_ = has_some_ || kept[i] != 0;
  }
}

void Narrowing::finish() const {
  if (had_some_ && !has_some_)
    fail_with_hint(ErrorKind::InvalidRequest, kHint, "{}: all its numbers are so small that {} has 0 for them", name_,
                   format_);
}

}  // namespace newbie
