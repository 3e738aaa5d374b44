// Rows as 8-bit whole numbers with one scale each (core/quantise.h), and what becomes of the sums of their products.
#pragma once

#include <cstdint>

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

enum class NumberForm : uint8_t {
  Signed = 0,        // q, -127 to 127
  Offset128 = 0x80,  // q + 128, as an unsigned byte: instructions that multiply unsigned bytes by signed ones
};

// Writes `padded` >= `width` numbers: those of the row, then zeros, all in `form`. Returns the scale.
float quantise_row(Source row, size_t width, size_t padded, NumberForm form, std::byte* out);

// Columns of a matrix of 8-bit numbers.
struct QuantisedColumns {
  const float* scales;
  const int32_t* shifts;  // 128 times the sum of a column: what offset rows add to its products
};

// y[i] = (sums[i] - shifts[i]) · (row_scale · scales[i]) + bias[i], rounded to y's dtype (F32 or BF16). `bias` may be
// null.
void scale_sums(const int32_t* sums, size_t width, QuantisedColumns columns, float row_scale, const float* bias,
                Target y);

}  // namespace newbie::cpu
