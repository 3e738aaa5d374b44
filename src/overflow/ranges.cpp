#include "overflow/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
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

void Loss::add(std::span<const float> values) {
  constexpr float kSteps = 0x1p24f, kRound = 0x1.8p23f;  // f16's subnormals are whole numbers of steps of 2^-24
  for (const float v : values) {
    const auto x = static_cast<double>(v);
    const float steps = v * kSteps, off = std::abs(v) < 0x1p-14f ? steps - ((steps + kRound) - kRound) : 0.0f;
    if (std::isfinite(v)) squares += x * x;
    lost += static_cast<double>(off) * static_cast<double>(off) * 0x1p-48;
  }
}

void Loss::add(const Loss& more) {
  squares += more.squares;
  lost += more.lost;
}

double Loss::share() const { return squares > 0 ? std::sqrt(lost / squares) : 0; }

size_t MagnitudeSpread::bin_of(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x) & 0x7FFFFFFF, exponent = bits >> 23;
  if (exponent == 0 || exponent == 255)
    return 0;  // f32's own subnormals are below every format's; not finite: not seen
  const auto last = static_cast<uint32_t>(std::countr_zero(bits | 0x800000));  // of 23 bits behind the first
  return std::min(last > 13 ? exponent + last - 13 : exponent, 254U);
}

void MagnitudeSpread::add(const Counts& counts, double squares) {
  if (squares <= 0) return;
  ++tensors_;
  for (size_t i = 0; i < counts.size(); ++i) per_square_[i] += static_cast<double>(counts[i]) / squares;
}

double MagnitudeSpread::loss(int log2) const {
  constexpr int kBias = 127, kNormal = -14, kVanish = -25;  // in f16 all digits are kept from 2^-14 on; 2^-25 becomes 0
  constexpr double kRounded = 0x1p-48 / 12;                 // the mean square of what rounding to a step of 2^-24 takes
  if (tensors_ == 0) return 0;
  double lost = 0;
  for (size_t i = 1; i < per_square_.size(); ++i) {
    const int exponent = static_cast<int>(i) - kBias + log2;
    if (exponent >= kNormal) break;
    // Even within a power of two, x² is 7/3 · 4^exponent in the mean. Both are in units before the scaling.
    const double of_one = exponent > kVanish ? kRounded : 7.0 / 3.0 * std::ldexp(1.0, 2 * exponent);
    lost += per_square_[i] * std::ldexp(of_one, -2 * log2);
  }
  return std::sqrt(std::min(lost / static_cast<double>(tensors_), 1.0));
}

std::string WeightRange::key(std::string_view part, std::string_view weight, int64_t begin, int64_t end) {
  return fmt::format("{}.{}[{}:{}]", part, weight, begin, end);
}

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
