// Group norm of channels-last pictures in two sweeps: moments of blocks of pixels, then the result.
#pragma once

#include <span>

#include "backend/cpu/kernels/elements.h"
#include "core/checked.h"

namespace newbie::cpu {

// Of a set of numbers: their mean, and the sum of squared differences from it.
struct Moments {
  double mean = 0.0, squares = 0.0;
};

// How the pixels of a picture are cut for its moments: bands, each cut into blocks from its own start. The cut decides
// the last bits of the moments.
struct MomentBlocks {
  size_t pixels = 0, channels = 0, groups = 0;
  size_t band = 0, block = 0;  // pixels

  MomentBlocks(size_t pixels, size_t channels, size_t groups, size_t band_pixels);
  size_t per_band() const { return (band + block - 1) / block; }
  size_t blocks() const { return (pixels + band - 1) / band * per_band(); }
  size_t moments() const { return checked_mul(blocks(), groups); }
  size_t first(size_t index) const { return index / per_band() * band + index % per_band() * block; }
  size_t count(size_t index) const;  // 0 behind the end of the last band
};

// From the moments of all blocks, [blocks, groups]: mean and gain = weight / deviation of every channel.
void channel_gains(const MomentBlocks& cut, const Moments* parts, const float* weight, double eps, float* mean,
                   float* gain);

// The moments of every group of x [pixels, channels], pixels >= 1. `scratch` has room for 3 · channels floats. Squares
// are taken of differences from a mean, so a mean far from zero costs no digits.
void group_moments(Source x, size_t pixels, size_t channels, std::span<Moments> groups, float* scratch);

// y = (x − mean) ⊙ gain + bias, rows of `channels`, then SiLU if asked for; y may be x.
void normalize_channels(Source x, const float* mean, const float* gain, const float* bias, bool with_silu,
                        size_t pixels, size_t channels, Target y);

}  // namespace newbie::cpu
