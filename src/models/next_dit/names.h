// NextDiT checkpoints: keys in a file -> canonical names = the official native keys (spec/nextdit.md §2).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/name_map.h"

namespace newbie {

// Strips the prefix the file uses (none, `model.diffusion_model.`, `diffusion_model.`, `transformer.`, `module.`) and
// reads the native names, diffusers' Lumina2 names and Z-Image's diffusers form; where a file has to_q, to_k and to_v,
// attention.qkv is joined from them (spec/checkpoints.md §6). `norm_final.weight` is ignored: it is stored and never
// used. `where` names the file in messages. Error{BadFile} when it is no NextDiT checkpoint or a third of a qkv is
// missing; Error{Unsupported} for a Lumina-2 checkpoint without pooled text.
NameMap next_dit_names(std::span<const std::string> keys, std::string_view where);

// A native name in another naming: diffusers' Lumina2 first, then Z-Image's.
struct NextDitName {
  std::string name;
  std::optional<size_t> third;  // of attention.qkv: 0 q, 1 k, 2 v
};
std::vector<NextDitName> next_dit_other_names(std::string_view native);

}  // namespace newbie
