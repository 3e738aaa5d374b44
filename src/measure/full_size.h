// The sizes of NewBie-image-Exp0.1 as published, for measurements without its files.
#pragma once

#include "models/flux_vae/config.h"
#include "models/gemma3/config.h"
#include "models/jina_clip/config.h"
#include "models/next_dit/config.h"

namespace newbie {

struct ModelSizes {
  NextDitConfig transformer;  // spec/nextdit.md §1
  Gemma3Config text_encoder;  // spec/gemma3.md §1
  JinaTextConfig clip_model;  // spec/jina_clip_v2.md §1
  FluxVaeConfig vae;          // spec/vae.md §1
};

ModelSizes full_size();

}  // namespace newbie
