// A model cut into shards: `{base}.safetensors.index.json` says which file beside it holds which tensor
// (spec/checkpoints.md §8), or names such as base-00001-of-00003.gguf do without one.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/file_tensor.h"
#include "weights/formats/safetensors.h"

namespace newbie {

// The weight_map of an index: tensor -> plain name of the file beside it. Error{BadFile} naming `where` when it has
// none, or a shard's name is more than a plain file name.
std::map<std::string, std::string> parse_sharded_index(std::string_view text, std::string_view where);

// Opens the index and every shard it names; the tensors of its weight_map, sorted by name. Its metadata (total_size) is
// not trusted and not needed. Error{BadFile} as above, or when a tensor is missing from its shard.
std::vector<FileTensor> open_sharded(const std::filesystem::path& index, Strictness strictness = Strictness::Strict);

// "model-00002-of-00003.safetensors", or .gguf: its base, which shard it is (from 1) and of how many. Nothing for other
// names.
struct ShardName {
  std::string base, ending;
  int number = 0, count = 0;
};
std::optional<ShardName> shard_name(std::string_view file_name);

// The tensors of all shards that lie beside `shard`, without an index; sorted by name. Error{BadFile} naming those that
// are missing, and a tensor that comes twice. `open` is called for each, with its number from 1.
using OpenShard = std::function<std::shared_ptr<const WeightFile>(const std::filesystem::path&, const ShardName&, int)>;
std::vector<FileTensor> open_shards(const std::filesystem::path& shard, const OpenShard& open);

}  // namespace newbie
