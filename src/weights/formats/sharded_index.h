// A model cut into shards: `{base}.safetensors.index.json` says which file beside it holds which tensor
// (spec/checkpoints.md §8).
#pragma once

#include <filesystem>
#include <vector>

#include "weights/file_tensor.h"

namespace newbie {

// Opens the index and every shard it names; the tensors of its weight_map, sorted by name. Its metadata (total_size) is
// not trusted and not needed. Error{BadFile} when a shard's name is more than a plain file name, or when a tensor is
// missing from its shard.
std::vector<FileTensor> open_sharded(const std::filesystem::path& index, Strictness strictness = Strictness::Strict);

}  // namespace newbie
