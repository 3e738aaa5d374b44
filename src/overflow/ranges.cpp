#include "overflow/ranges.h"

#include <cmath>
#include <limits>

namespace newbie {

double largest_of(DType format) {
  switch (format) {
    case DType::F16: return 65504.0;
    case DType::BF16: return std::ldexp(2.0 - 0x1p-7, 127);
    default: return std::numeric_limits<float>::max();
  }
}

double smallest_normal_of(DType format) { return format == DType::F16 ? 0x1p-14 : 0x1p-126; }

double headroom_bits(double value, DType format) { return std::log2(largest_of(format) / value); }

std::string_view to_string(InsideKind kind) {
  switch (kind) {
    case InsideKind::SquareSum: return "sum of squares";
    case InsideKind::Square: return "square";
    case InsideKind::Sum: return "sum";
    case InsideKind::Logit: return "logit";
    case InsideKind::AbsoluteSum: return "sum of |a||b|";
  }
  return "?";
}

}  // namespace newbie
