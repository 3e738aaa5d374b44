// NextDiT checkpoints: keys in a file -> canonical names = the official native keys (spec/nextdit.md §2).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "models/name_map.h"

namespace newbie {

// Strips the prefix the file uses (none, `model.diffusion_model.`, `diffusion_model.`, `transformer.`, `module.`).
// `norm_final.weight` is ignored: it is stored and never used. `where` names the file in messages.
// Error{BadFile} when it is no NextDiT checkpoint; Error{Unsupported} for the diffusers and Z-Image namings and for a
// Lumina-2 checkpoint without pooled text.
NameMap next_dit_names(std::span<const std::string> keys, std::string_view where);

}  // namespace newbie
