// What x does to a loss through an RMS or a layer norm (formulas: graph/ops/norms.h), for rows; y may be dy.
#pragma once

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

// `rows` rows of `width`; `gain` are the factors of the norm's result, f32.
void rms_norm_gradient_rows(Source x, const float* gain, Source dy, float eps, size_t rows, size_t width, Target y);

// `weight`: null where the norm has none.
void layer_norm_gradient_rows(Source x, const float* weight, Source dy, float eps, size_t rows, size_t width, Target y);

}  // namespace newbie::cpu
