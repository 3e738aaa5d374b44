// FLUX.1's autoencoder: its sizes (spec/vae.md §1).
#pragma once

#include <vector>

#include "models/config_source.h"

namespace newbie {

struct FluxVaeConfig {
  std::vector<int64_t> channels;  // by level, full resolution first
  int64_t encoder_blocks = 0;     // residual blocks a level; the decoder has one more
  int64_t latent_channels = 0;
  int64_t groups = 32;
  double norm_eps = 1e-6;
  double scaling_factor = 0.3611, shift_factor = 0.1159;  // normalised latent = (raw − shift) · scaling
  int64_t sample_size = 1024;                             // pixels a side the model was made for

  int64_t downscale() const { return int64_t{1} << (channels.size() - 1); }  // pixels per latent pixel
};

// Channels and depths from weight shapes (diffusers names); groups, scale, shift and sample size from the JSON or
// FLUX.1's values.
FluxVaeConfig flux_vae_config(const ConfigSource& source);

}  // namespace newbie
