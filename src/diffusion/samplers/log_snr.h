// The logarithm of the signal-to-noise ratio of a flow's noise level, which exponential samplers step in.
#pragma once

#include <cmath>
#include <limits>

namespace newbie {

// lambda = ln (1 - sigma) - ln sigma: -inf at 1, pure noise, +inf at 0, data. Both limits pass through e^-h = 0, so a
// grid may start at 1 and ends at 0.
inline double log_snr(double sigma) {
  if (sigma == 0) return std::numeric_limits<double>::infinity();
  return std::log((1 - sigma) / sigma);
}

}  // namespace newbie
