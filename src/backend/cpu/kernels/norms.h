// RMS and layer norms of rows. A result may take over the memory of the operand named for it, element for element.
#pragma once

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

// y = x · rsqrt(mean(x²) + eps) ⊙ gain for `rows` rows of `width`; y may be x.
void rms_norm_rows(Source x, const float* gain, float eps, size_t rows, size_t width, Target y);

// y = base + x · rsqrt(mean(x²) + eps) ⊙ gain; y may be base.
void rms_norm_residual_rows(Source base, Source x, const float* gain, float eps, size_t rows, size_t width, Target y);

// y = (x − mean) · rsqrt(var + eps), then ⊙ weight + bias unless they are null; y may be x. The variance is that of the
// differences from the mean.
void layer_norm_rows(Source x, const float* weight, const float* bias, float eps, size_t rows, size_t width, Target y);

}  // namespace newbie::cpu
