// Group norm of channels-last pictures in two sweeps: moments of blocks of pixels, then the result.
#pragma once

#include <span>

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

// Of a set of numbers: their mean, and the sum of squared differences from it.
struct Moments {
  double mean = 0.0, squares = 0.0;
};

// The moments of every group of x [pixels, channels], pixels >= 1. `scratch` has room for 3 · channels floats. Squares
// are taken of differences from a mean, so a mean far from zero costs no digits.
void group_moments(Source x, size_t pixels, size_t channels, std::span<Moments> groups, float* scratch);

// y = (x − mean) ⊙ gain + bias, rows of `channels`, then SiLU if asked for; y may be x.
void normalize_channels(Source x, const float* mean, const float* gain, const float* bias, bool with_silu,
                        size_t pixels, size_t channels, Target y);

}  // namespace newbie::cpu
