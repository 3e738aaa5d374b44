// The block formats of GGUF (spec/gguf.md §2): a row of a matrix is a whole number of blocks, each a few scales and
// small whole numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/dtype.h"

namespace newbie {

struct BlockFormat {
  std::string_view name;  // "Q4_K"
  uint32_t id;            // in files
  size_t elements, bytes;
  void (*widen)(const std::byte* block, float* values);   // one block; exact but for at most one rounding a value
  void (*narrow)(const float* values, std::byte* block);  // as the reference rounds; null: only read
};

inline constexpr size_t kLargestBlock = 256;  // elements

const BlockFormat* find_block_format(uint32_t id);
const BlockFormat* find_block_format(std::string_view name);  // as it is spelled in the table

// A type of a tensor as GGUF numbers it: a plain array or blocks. Both empty: one we know by name only, or not at all.
struct GgufType {
  std::string_view name;  // empty: not known
  std::optional<DType> plain;
  const BlockFormat* blocks = nullptr;
};
GgufType gguf_type(uint32_t id);
// The number of a plain dtype (F32, F16, BF16, I8). Error{Internal} for others.
uint32_t gguf_type_id(DType dtype);

// Elements [first, first + out.size()) of a tensor stored in `blocks`, to f32. The same values for any cut.
void widen_blocks(const BlockFormat& format, std::span<const std::byte> blocks, size_t first, std::span<float> out);

// `values` (whole blocks) into `out`, which is exactly as long as they need. Only formats with `narrow`.
void narrow_blocks(const BlockFormat& format, std::span<const float> values, std::span<std::byte> out);

}  // namespace newbie
