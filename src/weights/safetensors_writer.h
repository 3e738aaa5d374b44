// Writes tensors as a safetensors file (spec/checkpoints.md §8).
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "core/tensor.h"

namespace newbie {

struct NamedTensor {
  std::string name;
  ConstTensorView tensor;
};

// Atomically: readers see the old file or the new one. The data buffer starts 8-byte aligned and the tensors lie in the
// reference writer's order (larger dtypes first, then by name), so each is aligned to its element. The same tensors
// give the same bytes. Error{InvalidRequest} for a name that appears twice, is not UTF-8, or is `__metadata__`.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace newbie
