// Table rows and column sums.
#pragma once

#include <span>

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

// y[i] = table[ids[i]] · scale, rows of `width`; the table is F32, BF16 or F16. Every id must be a row of the table.
void table_rows(std::span<const int32_t> ids, Source table, size_t width, float scale, Target y);

// y[c] = Σ over the rows of x[row, c], divided by `divisor`, for `columns` columns of rows that lie `width` elements
// apart.
void column_sums(Source x, size_t rows, size_t width, size_t columns, float divisor, Target y);

}  // namespace newbie::cpu
