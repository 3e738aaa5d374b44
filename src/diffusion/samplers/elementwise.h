// The few vector lines samplers share. Coefficients are computed in double and rounded to float32 once, as a Python
// number is when it meets a float32 tensor.
#pragma once

#include <span>

namespace newbie {

// out = x + factor * y; out may be x or y.
inline void add_scaled(std::span<const float> x, double factor, std::span<const float> y, std::span<float> out) {
  const float f = static_cast<float>(factor);
  for (size_t i = 0; i < out.size(); ++i) out[i] = x[i] + f * y[i];
}

}  // namespace newbie
