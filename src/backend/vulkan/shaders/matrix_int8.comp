#version 450
// y[m, n] = (sum over k of x[m, k] · w[n, k]) · (scale of row m · scale of row n) (+ bias[n]): 8-bit whole numbers, four to
// a word, summed as 32-bit ones, without a rounding; the end is rounded as the host rounds it.
// TILED: a group shares tiles of both through its shared memory, for GPUs. Else each invocation reads for itself, which
// suits drivers that run on a CPU.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"

layout(constant_id = 0) const uint kDTypeBias = 0;
layout(constant_id = 1) const uint kDTypeY = 0;
layout(constant_id = 2) const bool kBias = false;

layout(push_constant) uniform Push {
  uvec2 x, scales_x, w, scales_w, bias, y;
  uint rows, columns, words;  // m, n; k in words
};

ivec4 numbers_of(uint word) {
  const int all = int(word);
  return ivec4(bitfieldExtract(all, 0, 8), bitfieldExtract(all, 8, 8), bitfieldExtract(all, 16, 8), all >> 24);
}
int dot_of(ivec4 a, ivec4 b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }

void finish(uint m, uint n, int sum) {
  if (m >= rows || n >= columns) return;
  precise const float scale = Floats(scales_x).at[m] * Floats(scales_w).at[n];
  precise float v = float(sum) * scale;
  if (kBias) v = v + load(bias, n, kDTypeBias);
  store(y, m * columns + n, kDTypeY, v);
}

#ifdef TILED

layout(local_size_x = 16, local_size_y = 16) in;
const uint kTile = 64, kDeep = 8, kEach = 4;  // depth in words
shared uint tile_x[kDeep * (kTile + 1)], tile_w[kDeep * (kTile + 1)];

void main() {
  const uint t = gl_LocalInvocationIndex, first_m = gl_WorkGroupID.y * kTile, first_n = gl_WorkGroupID.x * kTile;
  int sum[kEach][kEach];
  [[unroll]] for (uint i = 0; i < kEach; ++i) [[unroll]] for (uint j = 0; j < kEach; ++j) sum[i][j] = 0;
  for (uint k0 = 0; k0 < words; k0 += kDeep) {
    barrier();
    [[unroll]] for (uint e = 0; e < kTile * kDeep; e += 256) {
      const uint k = (t + e) % kDeep, at = (t + e) / kDeep;
      const bool in_depth = k0 + k < words;
      tile_x[k * (kTile + 1) + at] = in_depth ? Words(x).at[min(first_m + at, rows - 1) * words + k0 + k] : 0;
      tile_w[k * (kTile + 1) + at] = in_depth ? Words(w).at[min(first_n + at, columns - 1) * words + k0 + k] : 0;
    }
    barrier();
    for (uint k = 0; k < kDeep; ++k) {
      ivec4 a[kEach], b[kEach];
      [[unroll]] for (uint i = 0; i < kEach; ++i)
        a[i] = numbers_of(tile_x[k * (kTile + 1) + gl_LocalInvocationID.y + 16 * i]);
      [[unroll]] for (uint j = 0; j < kEach; ++j)
        b[j] = numbers_of(tile_w[k * (kTile + 1) + gl_LocalInvocationID.x + 16 * j]);
      [[unroll]] for (uint i = 0; i < kEach; ++i)
        [[unroll]] for (uint j = 0; j < kEach; ++j) sum[i][j] += dot_of(a[i], b[j]);
    }
  }
  [[unroll]] for (uint i = 0; i < kEach; ++i)
    [[unroll]] for (uint j = 0; j < kEach; ++j)
      finish(first_m + gl_LocalInvocationID.y + 16 * i, first_n + gl_LocalInvocationID.x + 16 * j, sum[i][j]);
}

#else

layout(local_size_x = 8) in;
const uint kRows = 8, kColumns = 4;  // of one invocation

void main() {
  const uint first_m = gl_WorkGroupID.y * kRows, first_n = gl_WorkGroupID.x * 8 * kColumns + gl_LocalInvocationID.x;
  int sum[kRows][kColumns];
  [[unroll]] for (uint i = 0; i < kRows; ++i) [[unroll]] for (uint j = 0; j < kColumns; ++j) sum[i][j] = 0;
  for (uint k = 0; k < words; ++k) {
    ivec4 b[kColumns];
    [[unroll]] for (uint j = 0; j < kColumns; ++j)
      b[j] = numbers_of(Words(w).at[min(first_n + 8 * j, columns - 1) * words + k]);
    [[unroll]] for (uint i = 0; i < kRows; ++i) {
      const ivec4 a = numbers_of(Words(x).at[min(first_m + i, rows - 1) * words + k]);
      [[unroll]] for (uint j = 0; j < kColumns; ++j) sum[i][j] += dot_of(a, b[j]);
    }
  }
  [[unroll]] for (uint i = 0; i < kRows; ++i)
    [[unroll]] for (uint j = 0; j < kColumns; ++j) finish(first_m + i, first_n + 8 * j, sum[i][j]);
}

#endif
