// Gemma 3 checkpoints: keys in a file -> canonical names = the text model's keys without prefix (spec/gemma3.md §3):
// `embed_tokens.weight`, `layers.N.…`, `norm.weight`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "models/name_map.h"

namespace newbie {

// llama.cpp's names (`token_embd.weight`, `blk.N.…`) are read where the file has them; its converter adds 1 to every
// norm, so those are marked minus_one (spec/gguf.md §4). Otherwise the prefix is what stands before the only key that
// ends in `embed_tokens.weight` and has no `vision` in it. The vision tower, the projector, the output head and
// `spiece_model` are ignored. `where` names the file in messages. Error{BadFile} when there is no such key or more than
// one, or when the layers are not Gemma 3's.
NameMap gemma3_names(std::span<const std::string> keys, std::string_view where);

// llama.cpp's name of a canonical one.
std::string llama_gemma_name(std::string_view canonical);
// Whether llama.cpp stores 1 + w under that canonical name.
bool is_gemma_norm(std::string_view canonical);

}  // namespace newbie
