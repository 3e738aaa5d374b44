// The loss scale of f16 training, as PyTorch's GradScaler moves it: a value. A checkpoint stores it, a test compares
// it, a bf16 run has none.
#pragma once

#include <cstdint>
#include <span>

namespace newbie {

struct GradScalerOptions {
  double growth = 2.0, backoff = 0.5;
  int64_t growth_interval = 2000;
  // PyTorch has no floor: a scale that falls and falls becomes 0 and stays there. 0 is as PyTorch.
  double floor = 0.0;
  bool operator==(const GradScalerOptions&) const = default;
};

struct GradScaler {
  float scale = 65536.0f;
  int64_t good_steps = 0;  // since the scale last moved
  bool operator==(const GradScaler&) const = default;
};

// After a step: `finite` tells whether all scaled gradients were, and so whether the step was taken. A tracker that
// equals the interval grows the scale; one beyond it, as after a shortened interval, never does.
GradScaler after_step(GradScaler s, bool finite, const GradScalerOptions& o);

// What gradients are multiplied with: 1 / scale, in double, rounded once.
float inverse_scale(const GradScaler& s);

// Looks at the gradients as they are, then multiplies them, finite or not. Returns whether all were finite; a gradient
// that becomes infinite by unscaling is not noticed, as in PyTorch.
bool unscale(std::span<float> gradients, float inverse) noexcept;

}  // namespace newbie
