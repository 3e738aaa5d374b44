// Matrices turned over: what multiplies by columns is read by rows.
#pragma once

#include "core/tensor.h"

namespace newbie::cpu {

// to[c · to_stride + r] = from[r · from_stride + c] for r < rows, c < columns; strides in elements of `dtype`, which
// has two or four bytes.
void transpose(DType dtype, const std::byte* from, int64_t from_stride, int64_t rows, int64_t columns, std::byte* to,
               int64_t to_stride) noexcept;

}  // namespace newbie::cpu
