// Jina CLIP v2 checkpoints: keys in a file -> canonical names = the Hub's names with
// `.parametrizations.weight.original` folded to `.weight` (spec/jina_clip_v2.md §2.4):
// `text_model.transformer.roberta.…`, `vision_model.…`, `logit_scale`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/name_map.h"

namespace newbie {

// A weight that is stored apart from its adapter and has to be merged before use: canonical = base + adapter.
struct AdaptedName {
  std::string canonical;
  std::string base_key;
  std::string a_key;
  std::string b_key;
  bool is_embedding = false;  // W' = W + B·A; for embeddings E' = E + A·B
};

struct JinaClipNames {
  NameMap map;                       // the weights used as they are stored
  std::vector<AdaptedName> adapted;  // the others; no name is in both
};

// Both the Hub's file and ComfyUI's text tower (`model.…`, adapter already merged). `where` names the file in messages.
// Error{BadFile} when half an adapter is missing (it is never skipped silently) or the word embedding is; and
// Error{Unsupported} when a weight has more than one parametrisation.
JinaClipNames jina_clip_names(std::span<const std::string> keys, std::string_view where);

}  // namespace newbie
