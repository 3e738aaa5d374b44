// Sums that stored elements are added to: what linear_add does with its addend.
#pragma once

#include "backend/cpu/kernels/elements.h"
#include "core/float_formats.h"

namespace newbie::cpu {

// sums[i] += from[i], of f32 or bf16 elements.
inline void add_to(float* sums, Source from, size_t count) {
  if (from.dtype == DType::F32)
    for (size_t i = 0; i < count; ++i) sums[i] += from.as<float>()[i];
  else
    for (size_t i = 0; i < count; ++i) sums[i] += to_float(from.as<bf16_t>()[i]);
}

}  // namespace newbie::cpu
