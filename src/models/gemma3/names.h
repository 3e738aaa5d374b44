// Gemma 3 checkpoints: keys in a file -> canonical names = the text model's keys without prefix (spec/gemma3.md §3):
// `embed_tokens.weight`, `layers.N.…`, `norm.weight`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "models/name_map.h"

namespace newbie {

// The prefix is what stands before the only key that ends in `embed_tokens.weight` and has no `vision` in it. The
// vision tower, the projector, the output head and `spiece_model` are ignored. `where` names the file in messages.
// Error{BadFile} when there is no such key or more than one, or when the layers are not Gemma 3's.
NameMap gemma3_names(std::span<const std::string> keys, std::string_view where);

}  // namespace newbie
