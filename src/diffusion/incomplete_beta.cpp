#include "diffusion/incomplete_beta.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace newbie {
namespace {

// lgamma() writes a global sign; its arguments here are positive, so the reentrant form loses nothing.
double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

// The continued fraction of I_x(a, b) (Abramowitz & Stegun 26.5.8) by the modified Lentz method: fast for
// x < (a + 1) / (a + b + 2).
double continued_fraction(double x, double a, double b) {
  constexpr double kTiny = std::numeric_limits<double>::min();
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  constexpr int kMaxTerms = 1000;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m <= kMaxTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    value *= d * c;
    if (std::abs(d * c - 1) <= kEps) return value;
  }
  fail(ErrorKind::Internal, "incomplete beta at x = {}, a = {}, b = {}: no convergence in {} terms", x, a, b,
       kMaxTerms);
}

}  // namespace

double regularized_incomplete_beta(double x, double a, double b) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1))
    fail(ErrorKind::Internal, "incomplete beta needs a, b > 0 and x in [0, 1], got x = {}, a = {}, b = {}", x, a, b);
  if (x == 0 || x == 1) return x;
  const double log_front = a * std::log(x) + b * std::log1p(-x) + log_gamma(a + b) - log_gamma(a) - log_gamma(b);
  if (x < (a + 1) / (a + b + 2)) return std::exp(log_front) * continued_fraction(x, a, b) / a;
  return 1 - std::exp(log_front) * continued_fraction(1 - x, b, a) / b;
}

double inverse_incomplete_beta(double p, double a, double b) {
  if (!(p >= 0 && p <= 1)) fail(ErrorKind::Internal, "inverse incomplete beta needs p in [0, 1], got {}", p);
  if (p == 0 || p == 1) return p;
  if (a == b && p == 0.5) return 0.5;
  // Bisection: the function only rises, and halving ends at two neighbouring doubles whatever its slope at the ends.
  double low = 0, high = 1;
  for (;;) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    (regularized_incomplete_beta(middle, a, b) < p ? low : high) = middle;
  }
}

}  // namespace newbie
