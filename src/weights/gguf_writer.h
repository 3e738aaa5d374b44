// Writes tensors as a GGUF file, version 3 (spec/gguf.md §1).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "weights/formats/gguf_blocks.h"

namespace newbie {

// The value of a key, in the kind that its type has in the file.
using GgufWritten = std::variant<std::string, uint32_t, float, bool, std::vector<std::string>, std::vector<float>,
                                 std::vector<int32_t>>;
struct GgufKey {
  std::string name;
  GgufWritten value;
};

// A tensor that is narrowed while it is written: `values` gives elements [first, first + out.size()), row-major.
struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // PyTorch's order, at most four
  GgufType type;               // plain F32, F16 or BF16, or blocks that can be written
  std::function<void(size_t first, std::span<float> out)> values;
};
size_t stored_bytes(const GgufTensor& tensor);

// Atomically, in the given order; the same tensors give the same bytes. Error{InvalidRequest} for a shape whose rows
// are no whole blocks and for a name that comes twice.
void write_gguf(const std::filesystem::path& path, std::span<const GgufKey> keys, std::span<const GgufTensor> tensors);

}  // namespace newbie
