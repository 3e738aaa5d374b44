// The softmax inside attention: a tile of scores becomes unnormalised probabilities where it lies, and the results of
// multiplying them are divided by their sums at the end.
#pragma once

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

// The scores of one query. Only keys [first, last) of `keys` are visible; all others get probability 0.
struct SoftmaxRow {
  size_t first = 0, last = 0, keys = 0;
  float scale = 1.0f;
};

// Writes e^(scale·score − max) to `probabilities` and returns their sum before rounding. Rows of a tile may be packed
// into the scores' own memory: an element is read before anything is written at or after its place. NaN stays NaN.
float softmax_row(const float* scores, const SoftmaxRow& row, Target probabilities);

// y[i] = scale · p[i] (dp[i] − Σ p ⊙ dp): from a softmax's gradient to that of its scores before `scale`. y may be dp.
void softmax_gradient_row(Source p, Source dp, float scale, size_t count, Target y);

// to[i] = from[i] · factor
void scale_row(const float* from, size_t width, float factor, Target to);

}  // namespace newbie::cpu
