// Rotary position embedding of rows of heads, with or without an RMS norm of every head before it.
#pragma once

#include "backend/cpu/kernels/elements.h"
#include "graph/ops/rope.h"

namespace newbie::cpu {

struct RopeHeads {
  size_t heads = 0, head_size = 0;  // an even head size
  RopeLayout layout = RopeLayout::Interleaved;
  const float* gain = nullptr;  // [head_size], or null for no norm
  float eps = 0.0f;             // of the norm
};

// x [rows, heads · head_size], cos and sin [rows, head_size / 2] -> y as x, which may be x itself:
//   o[a] = v[a]·cos − v[b]·sin,  o[b] = v[a]·sin + v[b]·cos for every pair (a, b) of a head, v = x or its norm ⊙ gain.
// `scratch` has room for 2 · head_size floats.
void rope_rows(const RopeHeads& form, Source x, const float* cos, const float* sin, size_t rows, Target y,
               float* scratch);

}  // namespace newbie::cpu
