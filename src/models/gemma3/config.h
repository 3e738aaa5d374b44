// Gemma 3 text model: its sizes (spec/gemma3.md §1).
#pragma once

#include <string>
#include <vector>

#include "models/config_source.h"

namespace newbie {

struct Gemma3Config {
  int64_t vocabulary = 0;
  int64_t width = 0;  // D
  int64_t layers = 0;
  int64_t heads = 0, kv_heads = 0, head_size = 0;
  int64_t ffn = 0;
  int64_t sliding_window = 0;  // keys a local layer sees, itself included
  std::vector<bool> global;    // one a layer: sees all earlier keys
  double norm_eps = 1e-6;
  double rope_local_base = 1e4, rope_global_base = 1e6;
  double rope_global_divisor = 8.0;  // linear scaling factor of global layers
  double attention_scale = 0;
};

// Sizes and head counts from weight shapes (names without prefix); window, pattern and RoPE from the JSON (flat, or
// nested in text_config; with rope_theta fields or a rope_parameters table) or, without any JSON, the values of Gemma 3
// 4B.
Gemma3Config gemma3_config(const ConfigSource& source);

// What llama.cpp's keys say, as a config.json would: `keys` are those behind "gemma3." ("rope.freq_base": 1e6). The
// scaling of a 4B model is filled in where an early file lacks it; `filled_in` is then what was taken.
Json gemma3_config_of_gguf(const Json& keys, std::string& filled_in);

}  // namespace newbie
