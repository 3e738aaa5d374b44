// NextDiT with pooled text: its sizes (spec/nextdit.md §1).
#pragma once

#include <array>

#include "models/config_source.h"

namespace newbie {

struct NextDitConfig {
  int64_t dim = 0;  // C, width of the residual stream
  int64_t layers = 0;
  int64_t refiner_layers = 0;  // each of noise_refiner and context_refiner
  int64_t heads = 0, kv_heads = 0, head_size = 0;
  int64_t ffn = 0;            // width inside feed_forward
  int64_t conditioning = 0;   // width of the adaLN vector
  int64_t caption_width = 0;  // width of the text features
  int64_t pooled_width = 0;   // width of the pooled text vector
  int64_t time_width = 0;     // sinusoid's width
  int64_t latent_channels = 0;
  int64_t patch = 2;                   // latent pixels a side of a token
  std::array<int64_t, 3> rope_axes{};  // components of a head for sequence, row, column
  double rope_base = 10000.0;
  double norm_eps = 1e-5;     // block norms and caption norm
  double qk_norm_eps = 1e-5;  // spec/nextdit.md §7: implementations differ
  double pooled_norm_eps = 1e-5;
  double final_norm_eps = 1e-6;
};

// Sizes from weight shapes (canonical native names); RoPE axes and patch from the JSON or the official values.
// Error{BadFile} names the weight or field that does not fit; a checkpoint without pooled text is called by its name.
NextDitConfig next_dit_config(const ConfigSource& source);

}  // namespace newbie
