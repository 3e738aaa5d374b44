// Jina CLIP v2's towers (spec/jina_clip_v2.md §§2.3, 4), one text or picture at a time. The text adapter is merged
// before.
#pragma once

#include "graph/graph.h"
#include "models/jina_clip/config.h"

namespace newbie {

// Input  "ids" [L] (Index), with <s> and </s>, without pads.
// Output "pooled" [1, C]: the mean over tokens, not normalised.
Graph jina_text(const JinaTextConfig& config, int64_t tokens);

// Input  "pixels" [image_size, image_size, 3]: normalised per channel.
// Output "image" [1, C]: the class token after the last norm, not normalised.
Graph jina_vision(const JinaVisionConfig& config);

}  // namespace newbie
