// A field whose paths are known in closed form, and noise to start them: what the sampler laws are tested on.
#pragma once

#include <cmath>
#include <vector>

#include "core/random.h"
#include "diffusion/denoise.h"

namespace newbie::test {

// Data ~ N(mean, deviation²) for every element: the velocity of the flow and its paths in closed form.
struct GaussianData {
  double mean = 0.3;
  double deviation = 1.5;

  double spread(double sigma) const { return std::hypot((1 - sigma) * deviation, sigma); }
  // The state at sigma on the path that starts at `noise`.
  double path(double noise, double sigma) const { return (1 - sigma) * mean + spread(sigma) * noise; }
  double denoised(double x, double sigma) const {
    const double gain = (1 - sigma) * deviation * deviation / (spread(sigma) * spread(sigma));
    return mean + gain * (x - (1 - sigma) * mean);
  }
  // E[data - noise | x]
  double velocity(double x, double sigma) const {
    const double centred = x - (1 - sigma) * mean;
    const double variance = spread(sigma) * spread(sigma);
    return mean + ((1 - sigma) * deviation * deviation - sigma) / variance * centred;
  }
  Denoise field() const {
    return [*this](std::span<const float> x, double t, std::span<float> v) {
      for (size_t i = 0; i < x.size(); ++i) v[i] = static_cast<float>(velocity(x[i], 1 - t));
    };
  }
};

inline std::vector<float> noise(size_t n = 32, uint64_t seed = 5) {
  std::vector<float> out(n);
  TorchGenerator(seed).normal(out);
  return out;
}

}  // namespace newbie::test
