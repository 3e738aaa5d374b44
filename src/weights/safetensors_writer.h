// Writes tensors as a safetensors file (spec/checkpoints.md §8).
#pragma once

#include <filesystem>
#include <functional>
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

// A tensor whose bytes are made while they are written: `produce` gives them to its argument in one or more pieces.
struct StreamedTensor {
  std::string name;
  TensorSpec spec;
  std::function<void(const std::function<void(std::span<const std::byte>)>& write)> produce;
};

// The same file without holding it in memory, its data buffer at a multiple of `alignment` bytes (itself one of 8).
// Error{Internal} when a tensor gives another number of bytes than its spec says.
void stream_safetensors(const std::filesystem::path& path, std::span<const StreamedTensor> tensors,
                        const std::map<std::string, std::string>& metadata = {}, size_t alignment = 8);

// The same file with holes for the tensors' bytes: they read as zeros and take no disk. What it holds is not asked of
// `produce`. Until it returns, the file is too short to be read; after an error there is none.
void write_safetensors_shapes(const std::filesystem::path& path, std::span<const StreamedTensor> tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace newbie
