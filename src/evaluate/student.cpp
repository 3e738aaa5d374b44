#include "evaluate/student.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace newbie {

namespace {

constexpr double kPower = 0.8;

// The continued fraction of the incomplete beta function, by Lentz's method.
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double out = d;
  for (int m = 1; m < 1000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      if (std::abs(d) < kTiny) d = kTiny;
      if (std::abs(c) < kTiny) c = kTiny;
      d = 1 / d;
      out *= c * d;
    }
    if (std::abs(c * d - 1) < 4 * std::numeric_limits<double>::epsilon()) break;
  }
  return out;
}

// I_x(a, b), 0 ≤ x ≤ 1.
double incomplete_beta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(1 - x, b, a) / b;
}

// Where a rising `cdf` is `share`: 0 ≤ the result.
template <typename Cdf>
double invert_upper(double share, Cdf cdf) {
  double high = 1;
  while (cdf(high) < share && high < 1e300) high *= 2;
  double low = 0;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (cdf(middle) < share ? low : high) = middle;
  }
  return high;
}

void check_share(double share) {
  if (!(share > 0 && share < 1)) fail(ErrorKind::InvalidRequest, "a quantile of {}: expected a share of (0, 1)", share);
}

}  // namespace

double student_cdf(double t, double degrees) {
  const double tail = incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

double student_quantile(double share, double degrees) {
  check_share(share);
  if (!(degrees > 0)) fail(ErrorKind::InvalidRequest, "{} degrees of freedom: expected more than 0", degrees);
  if (share == 0.5) return 0;
  if (share < 0.5) return -student_quantile(1 - share, degrees);
  return invert_upper(share, [&](double t) { return student_cdf(t, degrees); });
}

double normal_quantile(double share) {
  check_share(share);
  if (share < 0.5) return -normal_quantile(1 - share);
  return invert_upper(share, [](double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; });
}

double detectable_errors(size_t n) {
  if (n < 2) return std::numeric_limits<double>::infinity();
  const auto degrees = static_cast<double>(n - 1);
  return student_quantile(0.975, degrees) + student_quantile(kPower, degrees);
}

}  // namespace newbie
