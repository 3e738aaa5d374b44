// Steps of exponential Adams methods for x(to) = to / from · x(from) + to ∫ e^lambda D dlambda: a polynomial in the log
// signal-to-noise ratio lambda through denoised estimates D, integrated exactly. What unipc and adaptive step with.
#pragma once

#include <cstddef>
#include <span>

namespace newbie {

inline constexpr size_t kMostNodes = 3;

// A denoised estimate, and where it was made.
struct AdamsNode {
  double sigma;
  std::span<float> denoised;
};

// x at `to`, from `start` at `from`, by the polynomial through `nodes` (1 to kMostNodes of them, none at pure noise
// unless it is the only one: there lambda is infinite). x may be `start`.
void adams_step(std::span<const AdamsNode> nodes, double from, double to, std::span<const float> start,
                std::span<float> x);

// The same from pure noise, with D a line over e^lambda = (1 - sigma) / sigma through its estimate there (`at_noise`)
// and that at `to`: the trapezoidal rule.
void adams_step_from_noise(const AdamsNode& at_noise, const AdamsNode& at_end, std::span<const float> start,
                           std::span<float> x);

}  // namespace newbie
