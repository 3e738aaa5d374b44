// What a sampler knows of a network: a velocity at a point and a time.
#pragma once

#include <functional>
#include <span>

namespace newbie {

// Writes the velocity dx/dt = data - noise at state x and time t into `velocity` (same length as x, no overlap).
// Time runs from 0 (noise) to 1 (data), sigma = 1 - t. The state is float32; t is rounded to float32 by the network.
// Guidance lies inside: a sampler calls this once per evaluation and never sees a prompt.
using Denoise = std::function<void(std::span<const float> x, double t, std::span<float> velocity)>;

}  // namespace newbie
