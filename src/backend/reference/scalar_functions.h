// The activation functions of one number (formulas: graph/ops/elementwise.h).
#pragma once

#include <cmath>
#include <numbers>

namespace newbie::reference {

inline double silu(double x) { return x / (1.0 + std::exp(-x)); }

inline double gelu_tanh(double x) {
  const double inner = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + std::tanh(inner));
}

inline double gelu_erf(double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }

}  // namespace newbie::reference
