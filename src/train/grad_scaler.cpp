#include "train/grad_scaler.h"

#include <algorithm>
#include <cmath>

namespace newbie {

GradScaler after_step(GradScaler s, bool finite, const GradScalerOptions& o) {
  const auto scale = static_cast<double>(s.scale);
  if (!finite) return {static_cast<float>(std::max(scale * o.backoff, o.floor)), 0};
  if (s.good_steps + 1 != o.growth_interval) return {s.scale, s.good_steps + 1};
  const auto grown = static_cast<float>(scale * o.growth);
  return {std::isfinite(grown) ? grown : s.scale, 0};
}

float inverse_scale(const GradScaler& s) { return static_cast<float>(1.0 / static_cast<double>(s.scale)); }

bool unscale(std::span<float> gradients, float inverse) noexcept {
  bool finite = true;
  for (float& g : gradients) {
    finite = finite && std::isfinite(g);
    g *= inverse;
  }
  return finite;
}

}  // namespace newbie
