// FLUX autoencoder checkpoints: keys in a file -> canonical names = the diffusers names (spec/vae.md §6).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "models/name_map.h"

namespace newbie {

// Reads the diffusers naming (also the old one with query/key/value/proj_attn) and the LDM naming of ComfyUI's files
// (`decoder.up.{l}` is `decoder.up_blocks.{levels−1−l}`), with prefix none, `first_stage_model.` or `vae.`. The
// attention matrices are marked as_matrix. `where` names the file in messages. Error{BadFile} when it is no such
// autoencoder.
NameMap flux_vae_names(std::span<const std::string> keys, std::string_view where);

// The LDM name (ComfyUI's ae.safetensors) of a canonical name; `levels` is the number of decoder levels. An empty
// string when there is no such name.
std::string ldm_vae_name(std::string_view canonical, int levels);

}  // namespace newbie
