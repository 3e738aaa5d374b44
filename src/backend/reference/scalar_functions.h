// The activation functions of one number (formulas: graph/ops/elementwise.h); `r` keeps what lies inside.
#pragma once

#include <cmath>
#include <numbers>

#include "backend/reference/elements.h"

namespace newbie::reference {

inline double silu(double x, const Inside& r) { return r(x / r(1.0 + r(std::exp(-x)))); }

// silu'(x) = σ(x) (1 + x (1 − σ(x))), 1 − σ(x) being σ(−x)
inline double silu_slope(double x, const Inside& r) {
  const double sigmoid = r(1.0 / r(1.0 + r(std::exp(-x)))), rest = r(1.0 / r(1.0 + r(std::exp(x))));
  return r(sigmoid * r(1.0 + r(x * rest)));
}

inline double gelu_tanh(double x, const Inside& r) {
  const double cube = r(r(x * x) * x);
  const double inner = r(r(std::sqrt(2.0 / std::numbers::pi)) * r(x + r(r(0.044715) * cube)));
  return r(r(0.5 * x) * r(1.0 + r(std::tanh(inner))));
}

inline double gelu_erf(double x, const Inside& r) {
  return r(r(0.5 * x) * r(std::erfc(r(-x / r(std::numbers::sqrt2)))));
}

}  // namespace newbie::reference
