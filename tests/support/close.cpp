#include "support/close.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/error.h"

namespace newbie::test {

double unit_roundoff(DType dtype) {
  switch (dtype) {
    case DType::F64: return 0x1p-53;
    case DType::F32: return 0x1p-24;
    case DType::F16: return 0x1p-11;
    case DType::BF16: return 0x1p-8;
    default: fail(ErrorKind::Internal, "{} does not round", to_string(dtype));
  }
}

double gamma(double steps, DType dtype) {
  const double ku = steps * unit_roundoff(dtype);
  if (ku >= 0.5) fail(ErrorKind::Internal, "{} roundings to {} leave no digits to compare", steps, to_string(dtype));
  return ku / (1.0 - ku);
}

double sum_steps(int64_t terms) { return 6.0 * std::sqrt(static_cast<double>(terms)); }

double storage_error(DType dtype, double y) {
  const double floor = dtype == DType::F16 ? 0x1p-25 : 0x1p-126;
  return (unit_roundoff(dtype) + unit_roundoff(DType::F32)) * std::abs(y) + floor;
}

::testing::AssertionResult within(std::span<const float> got, std::span<const float> want,
                                  std::span<const double> bound) {
  if (got.size() != want.size() || bound.size() != want.size())
    return ::testing::AssertionFailure() << fmt::format("{} elements, expected {} (and {} bounds)", got.size(),
                                                        want.size(), bound.size());
  size_t worst = 0, misses = 0;
  double worst_ratio = -1.0;
  for (size_t i = 0; i < got.size(); ++i) {
    double difference = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (got[i] == want[i]) difference = 0.0;  // infinities
    const bool holds = difference <= bound[i];
    const double ratio = holds ? (bound[i] > 0.0 ? difference / bound[i] : 0.0)
                               : (std::isnan(difference) ? std::numeric_limits<double>::infinity()
                                                         : std::max(difference / bound[i], 1.0));
    if (!holds) ++misses;
    if (ratio > worst_ratio) {
      worst_ratio = ratio;
      worst = i;
    }
  }
  if (misses == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << fmt::format(
             "{} of {} elements are out of bounds; worst is [{}]: got {}, want {}, difference {:.3g}, bound {:.3g}",
             misses, got.size(), worst, got[worst], want[worst],
             static_cast<double>(got[worst]) - static_cast<double>(want[worst]), bound[worst]);
}

::testing::AssertionResult within_relative(std::span<const float> got, std::span<const float> want, double fraction) {
  double largest = 0.0;
  for (float w : want) largest = std::max(largest, std::abs(static_cast<double>(w)));
  return within(got, want, std::vector<double>(want.size(), fraction * largest));
}

::testing::AssertionResult same_bytes(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size())
    return ::testing::AssertionFailure() << fmt::format("{} elements, expected {}", got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (std::memcmp(&got[i], &want[i], sizeof(float)) != 0)
      return ::testing::AssertionFailure()
             << fmt::format("first difference at [{}]: got {}, want {}", i, got[i], want[i]);
  return ::testing::AssertionSuccess();
}

}  // namespace newbie::test
