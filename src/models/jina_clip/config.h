// Jina CLIP v2: sizes of both towers (spec/jina_clip_v2.md §§1, 2.1, 4).
#pragma once

#include "models/config_source.h"

namespace newbie {

struct JinaTextConfig {
  int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, ffn = 0;
  double rope_base = 20000.0;
  double norm_eps = 1e-5;
};

struct JinaVisionConfig {
  int64_t image_size = 0, patch = 0, width = 0, layers = 0, heads = 0, ffn = 0;
  int64_t base_grid = 16;  // RoPE coordinates are rescaled to this grid
  double rope_base = 10000.0;
  double norm_eps = 1e-6;
};

// lora_alpha / lora_rank of an unmerged adapter, from text_config.hf_model_config_kwargs of config.json; 1 without it.
double jina_adapter_scale(const Json& config, const std::string& where);

JinaTextConfig jina_text_config(const ConfigSource& source);
JinaVisionConfig jina_vision_config(const ConfigSource& source);

}  // namespace newbie
