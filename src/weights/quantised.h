// Weights that safetensors files keep in fewer bits, as tensors computed when read (spec/checkpoints.md §9 and what
// ComfyUI and bitsandbytes write): each in f32, exact or rounded once, whatever the cut.
#pragma once

#include <string>

#include "weights/weight_store.h"

namespace newbie {

// q · scale. `weight` is of a float dtype, I8, or U8 whose bytes are of dtype `bytes_as`; `scale` holds one float, one
// a row ([rows] or [rows, 1]), or one a tile ([r, c] that divide the rows and columns). Scales are read now:
// Error{BadFile} when one is not finite, Error{Unsupported} for other shapes and dtypes.
DerivedTensor scaled_tensor(const FileTensor& weight, const FileTensor& scale, std::optional<DType> bytes_as = {});

// The same without a scale: what is stored, the bytes of U8 taken as `bytes_as`.
DerivedTensor stored_as(const FileTensor& weight, std::optional<DType> bytes_as);

// ConvRot: each group of `group` columns (a power of 4) times H, the Kronecker power of a 4 x 4 Hadamard matrix,
// divided by √group; H is its own inverse. To rounding in f32. Where the columns are no multiple of it, nothing was
// rotated.
DerivedTensor rotated(DerivedTensor weight, size_t group);

// Every column times its value: `values` is [columns].
DerivedTensor times_columns(DerivedTensor weight, const FileTensor& values);

// nvfp4: U8 [rows, columns / 2], high nibble first, E2M1 times (scale_2 · scale of 16 columns). mxfp8: E4M3 [rows,
// columns] times 2^(e − 127) of 32 columns. Their scales lie swizzled in tiles of 128 rows and 4 columns.
// Error{BadFile} when a shape or size does not fit.
DerivedTensor nvfp4_tensor(const FileTensor& weight, const FileTensor& scale, const FileTensor& second_scale);
DerivedTensor mxfp8_tensor(const FileTensor& weight, const FileTensor& scale);

// bitsandbytes' 4 bits: table[q] · absmax of a block, high nibble first. `state` is its JSON (shape, blocksize, and
// nested_blocksize, nested_offset where absmax itself is stored in bytes: then `nested_scale` and `nested_table` are
// not null).
struct CodebookParts {
  FileTensor weight, scale, table;
  const FileTensor* nested_scale = nullptr;
  const FileTensor* nested_table = nullptr;
};
DerivedTensor codebook_tensor(const CodebookParts& parts, const std::string& state);

}  // namespace newbie
