// The inner part of our own linear: rows times one panel of a packed weight, for every instruction set.
#pragma once

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

inline constexpr int64_t kRowsAtOnce = 8;

// Columns of a panel on this machine: three vectors.
int64_t panel_columns();

// Packs columns [column, column + panel_columns()) of a weight [n, k], row-major, as [k][panel_columns()] in its dtype;
// columns beyond n are zero.
void pack_panel(Source weight, int64_t n, int64_t k, int64_t column, std::byte* out);

// sums[row][column] = Σ over `depth` of x[row][i] · panel[i][column], added to what is there if `add`; f32 products and
// sums, in order of i.
struct PanelProduct {
  const float* x;
  int64_t x_stride;
  int64_t rows;  // any number
  Source panel;  // from the first of the depth on
  int64_t depth;
  float* sums;
  int64_t sums_stride;  // room for whole panels
  bool add;
};
void multiply_panel(const PanelProduct& product);

// y[row][column] = sums[row][column] + bias[column], rounded to the target's dtype. `bias` may be null.
void store_sums(const float* sums, int64_t sums_stride, int64_t rows, int64_t columns, const float* bias, Target y,
                int64_t y_stride);

// f32 copies of `rows` rows of `width` elements.
void widen_rows(Source x, int64_t x_stride, int64_t rows, int64_t width, float* out, int64_t out_stride);

}  // namespace newbie::cpu
