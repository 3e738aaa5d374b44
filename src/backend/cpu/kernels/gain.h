// The row that a norm, a modulation or a gate multiplies every row by, worked out once a run.
#pragma once

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

enum class RowFunction {
  Itself,   // mul by a row, norm weights
  OnePlus,  // modulate: 1 + scale
  Tanh,     // gated residual: tanh(gate)
};

// gain[i] = (offset + weight[i]) · f(row[i]) for i < width; a missing weight (null) or row (null data) counts as 1.
void make_gain(const float* weight, float offset, RowFunction f, Source row, size_t width, float* gain);

}  // namespace newbie::cpu
