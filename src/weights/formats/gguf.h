// GGUF, versions 2 and 3 (spec/gguf.md §1): typed keys, tensor infos, then the data. A strict reader over a mapped
// file: every count, times the least it takes on disk, is held against what is left of the file before it is believed.
#pragma once

#include <span>
#include <string_view>

#include "weights/formats/weight_file.h"

namespace newbie {

inline constexpr std::string_view kGgufMagic = "GGUF";

// Where a configuration may lie that other programs have no key for: a JSON text. It is the `config` of the metadata.
inline constexpr std::string_view kGgufConfigKey = "newbie.config";

// Reads the header of a whole file. Shapes are PyTorch's: dimensions in the other order, trailing ones dropped (the
// format keeps or loses them), or the `comfy.gguf.orig_shape` of a folded tensor. Tensors may lie in any order and with
// gaps. Error{BadFile} naming `where` and the key or tensor when any rule is broken; Error{Unsupported} for types that
// are not read, by name, and for one shard of several.
WeightHeader parse_gguf_header(std::span<const std::byte> file, std::string_view where);

}  // namespace newbie
