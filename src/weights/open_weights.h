// Finds the weight files of one part of a model and opens them: a single file, or a folder in one of the usual layouts.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "weights/file_tensor.h"
#include "weights/formats/safetensors.h"

namespace newbie {

struct OpenedWeights {
  std::vector<std::shared_ptr<const WeightFile>> files;  // sorted by file name
  std::vector<FileTensor> tensors;                       // sorted by key

  std::vector<std::string> keys() const;               // what a name map is made from, sorted
  const FileTensor* find(std::string_view key) const;  // or nullptr
};

// `path` is a safetensors or GGUF file, a .safetensors.index.json, or a folder; in a folder the first of these that
// exists: newbie_dit.safetensors (the node converter's), model.safetensors or diffusion_pytorch_model.safetensors, the
// only *.safetensors.index.json, shards that are all there, the only *.safetensors, the only *.gguf. Which of the two a
// file is, its first bytes say. Error{BadFile} when there is none, or several that are equally good (it lists them),
// and as their readers.
OpenedWeights open_weights(const std::filesystem::path& path, Strictness strictness = Strictness::Strict);

}  // namespace newbie
