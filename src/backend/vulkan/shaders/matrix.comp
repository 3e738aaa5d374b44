#version 450
// y[m, n] = sum over taps and k of x[row m of that tap, k] · w[n, tap, k] (+ bias[n] or addend[m, n]), summed in f32. A
// plain product has one tap, whose rows lie row_x apart; a convolution has one for each place of its kernel, and a row
// is a pixel (zeros outside of the picture): no patch is ever laid out.
// TILED: a group shares tiles of both through its shared memory, for GPUs. Else each invocation reads for itself, which
// suits drivers that run on a CPU.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"

layout(constant_id = 0) const uint kDTypeX = 0;
layout(constant_id = 1) const uint kDTypeW = 0;
layout(constant_id = 2) const uint kDTypeEnd = 0;
layout(constant_id = 3) const uint kDTypeY = 0;
layout(constant_id = 4) const uint kEnd = 0;  // 0: none, 1: bias[n], 2: addend[m, n]
layout(constant_id = 5) const bool kConvolution = false;
layout(constant_id = 6) const bool kNear = false;  // neighbours along k lie side by side in both

layout(push_constant) uniform Push {
  uvec2 x, w, end, y;
  uint rows, columns, depth;  // m, n, k
  uint row_x, k_x, batch_x;   // elements between neighbours
  uint row_w, tap_w, k_w, batch_w;
  uint share;  // batches of x that read one of w
  uint taps, kernel_width, stride, top, left, height, width, out_width;
};

uint step_x() { return kNear ? 1 : k_x; }
uint step_w() { return kNear ? 1 : k_w; }

// Where row m of a tap begins in x; -1: outside of the picture.
int row_begins(uint m, uint tap) {
  m = min(m, rows - 1);
  if (!kConvolution) return int(gl_WorkGroupID.z * batch_x + m * row_x);
  const int r = int((m / out_width) * stride + tap / kernel_width) - int(top);
  const int c = int((m % out_width) * stride + tap % kernel_width) - int(left);
  return r < 0 || c < 0 || r >= int(height) || c >= int(width) ? -1 : (r * int(width) + c) * int(depth);
}
uint column_begins(uint n, uint tap) {
  return gl_WorkGroupID.z / share * batch_w + min(n, columns - 1) * row_w + tap * tap_w;
}

void finish(uint m, uint n, float sum) {
  if (m >= rows || n >= columns) return;
  const uint i = gl_WorkGroupID.z * rows * columns + m * columns + n;
  if (kEnd == 1) sum += load(end, n, kDTypeEnd);
  if (kEnd == 2) sum += load(end, i, kDTypeEnd);
  store(y, i, kDTypeY, sum);
}

#ifdef TILED

layout(local_size_x = 16, local_size_y = 16) in;
const uint kTile = 64, kDeep = 16, kEach = 4;
shared float tile_x[kDeep * (kTile + 1)], tile_w[kDeep * (kTile + 1)];
shared int begins[kTile];

void main() {
  const uint t = gl_LocalInvocationIndex, first_m = gl_WorkGroupID.y * kTile, first_n = gl_WorkGroupID.x * kTile;
  float sum[kEach][kEach];
  [[unroll]] for (uint i = 0; i < kEach; ++i) [[unroll]] for (uint j = 0; j < kEach; ++j) sum[i][j] = 0.0;

  for (uint tap = 0; tap < taps; ++tap) {
    if (t < kTile) begins[t] = row_begins(first_m + t, tap);
    for (uint k0 = 0; k0 < depth; k0 += kDeep) {
      barrier();
      [[unroll]] for (uint e = 0; e < kTile * kDeep; e += 256) {
        const uint k = (t + e) % kDeep, at = (t + e) / kDeep;
        const bool in_depth = k0 + k < depth;
        tile_x[k * (kTile + 1) + at] =
            in_depth && begins[at] >= 0 ? load(x, uint(begins[at]) + (k0 + k) * step_x(), kDTypeX) : 0.0;
        tile_w[k * (kTile + 1) + at] =
            in_depth ? load(w, column_begins(first_n + at, tap) + (k0 + k) * step_w(), kDTypeW) : 0.0;
      }
      barrier();
      for (uint k = 0; k < kDeep; ++k) {
        float a[kEach], b[kEach];
        [[unroll]] for (uint i = 0; i < kEach; ++i) a[i] = tile_x[k * (kTile + 1) + gl_LocalInvocationID.y + 16 * i];
        [[unroll]] for (uint j = 0; j < kEach; ++j) b[j] = tile_w[k * (kTile + 1) + gl_LocalInvocationID.x + 16 * j];
        [[unroll]] for (uint i = 0; i < kEach; ++i)
          [[unroll]] for (uint j = 0; j < kEach; ++j) sum[i][j] = fma(a[i], b[j], sum[i][j]);
      }
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
  const uint first_m = gl_WorkGroupID.y * kRows;
  const uint n = gl_WorkGroupID.x * 8 * kColumns + gl_LocalInvocationID.x;
  float sum[kRows][kColumns];
  [[unroll]] for (uint i = 0; i < kRows; ++i) [[unroll]] for (uint j = 0; j < kColumns; ++j) sum[i][j] = 0.0;

  for (uint tap = 0; tap < taps; ++tap) {
    int row[kRows];
    uint column[kColumns];
    [[unroll]] for (uint i = 0; i < kRows; ++i) row[i] = row_begins(first_m + i, tap);
    [[unroll]] for (uint j = 0; j < kColumns; ++j) column[j] = column_begins(n + 8 * j, tap);
    for (uint k = 0; k < depth; ++k) {
      float b[kColumns];
      [[unroll]] for (uint j = 0; j < kColumns; ++j) b[j] = load(w, column[j] + k * step_w(), kDTypeW);
      [[unroll]] for (uint i = 0; i < kRows; ++i) {
        float a = load(x, uint(max(row[i], 0)) + k * step_x(), kDTypeX);
        if (kConvolution && row[i] < 0) a = 0.0;
        [[unroll]] for (uint j = 0; j < kColumns; ++j) sum[i][j] = fma(a, b[j], sum[i][j]);
      }
    }
  }
  [[unroll]] for (uint i = 0; i < kRows; ++i)
    [[unroll]] for (uint j = 0; j < kColumns; ++j) finish(first_m + i, n + 8 * j, sum[i][j]);
}

#endif
