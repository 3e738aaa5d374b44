// Table rows and column means.
#pragma once

#include <span>

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

// y[i] = table[ids[i]] · scale, rows of `width`; the table is F32, BF16 or F16. Every id must be a row of the table.
void table_rows(std::span<const int32_t> ids, Source table, size_t width, float scale, Target y);

// y[c] = mean over the rows of x[row, c], for `columns` columns of rows that lie `width` elements apart.
void column_means(Source x, size_t rows, size_t width, size_t columns, Target y);

}  // namespace newbie::cpu
