#version 450
// y[m, n] = sum over k of x[m, k] · w[n, k] by the matrix units of a device (cooperative matrices), in f16 with sums in f32
// (+ bias[n] or addend[m, n]), or, with INT8, of 8-bit whole numbers with sums in 32 bits, scaled as matrix_int8.comp does.
// A group makes four parts of 2 x 2 matrices from tiles in its shared memory, which are zero outside of the operands; sums
// go through shared memory, too, so that every edge is ragged. kM x kN x kK: a shape that the device reports.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#ifdef INT8
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#else
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#endif
#include "numbers.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint kM = 16;
layout(constant_id = 2) const uint kN = 16;
layout(constant_id = 3) const uint kK = 16;
layout(constant_id = 4) const uint kDTypeEnd = 0;
layout(constant_id = 5) const uint kDTypeY = 0;
layout(constant_id = 6) const uint kEnd = 0;  // 0: none, 1: bias[n], 2: addend[m, n]

#ifdef INT8
#define NUMBER int8_t
#define SUM int
const uint kOfWord = 4;
layout(push_constant) uniform Push {
  uvec2 x, scales_x, w, scales_w, end, y;
  uint rows, columns, words;  // m, n; k in words
};
#else
#define NUMBER float16_t
#define SUM float
const uint kOfWord = 2;
layout(push_constant) uniform Push {
  uvec2 x, w, end, y;
  uint rows, columns, depth;
  uint batch_x, batch_w, share;  // elements between batches; batches of x that read one of w
};
#endif

const uint kDeep = 32, kWords = kDeep / kOfWord, kStride = kWords + 4;  // of a tile's rows
const uint kTileM = 4 * kM, kTileN = 4 * kN;
shared uint tile_x[kTileM * kStride], tile_w[kTileN * kStride];
shared SUM sums[kTileM * kTileN];

#ifdef INT8
uint depth_in_words() { return words; }
uint word_of(uvec2 tensor, uint begins, uint row, uint k) { return Words(tensor).at[row * words + k]; }
#else
uint depth_in_words() { return (depth + 1) / 2; }
uint word_of(uvec2 tensor, uint begins, uint row, uint k) {
  const uint at = begins + row * depth + 2 * k;
  if (depth % 2 == 0) return Words(tensor).at[at / 2];
  return uint(Halves(tensor).at[at]) | (2 * k + 1 < depth ? uint(Halves(tensor).at[at + 1]) << 16 : 0);
}
#endif

void finish(uint m, uint n, SUM sum) {
  if (m >= rows || n >= columns) return;
  const uint i = gl_WorkGroupID.z * rows * columns + m * columns + n;
#ifdef INT8
  precise const float scale = Floats(scales_x).at[m] * Floats(scales_w).at[n];
  precise float v = float(sum) * scale;
  if (kEnd == 1) v = v + load(end, n, kDTypeEnd);
#else
  float v = sum;
  if (kEnd == 1) v += load(end, n, kDTypeEnd);
  if (kEnd == 2) v += load(end, i, kDTypeEnd);
#endif
  store(y, i, kDTypeY, v);
}

void main() {
  const uint t = gl_LocalInvocationIndex, all = gl_WorkGroupSize.x;
  const uint first_m = gl_WorkGroupID.y * kTileM, first_n = gl_WorkGroupID.x * kTileN;
#ifdef INT8
  const uint begins_x = 0, begins_w = 0;
#else
  const uint begins_x = gl_WorkGroupID.z * batch_x, begins_w = gl_WorkGroupID.z / share * batch_w;
#endif
  // Where a group has fewer than four subgroups, they take turns.
  for (uint turn = 0; turn < 4; turn += gl_NumSubgroups) {
    const uint part = min(turn + gl_SubgroupID, 3), at_m = part / 2 * 2 * kM, at_n = part % 2 * 2 * kN;
    coopmat<SUM, gl_ScopeSubgroup, kM, kN, gl_MatrixUseAccumulator> sum[2][2];
    [[unroll]] for (uint i = 0; i < 2; ++i)
      [[unroll]] for (uint j = 0; j < 2; ++j)
        sum[i][j] = coopmat<SUM, gl_ScopeSubgroup, kM, kN, gl_MatrixUseAccumulator>(SUM(0));
    for (uint k0 = 0; k0 < depth_in_words(); k0 += kWords) {
      barrier();
      for (uint e = t; e < kTileM * kWords; e += all) {
        const uint row = first_m + e / kWords, k = k0 + e % kWords;
        tile_x[e / kWords * kStride + e % kWords] =
            row < rows && k < depth_in_words() ? word_of(x, begins_x, row, k) : 0;
      }
      for (uint e = t; e < kTileN * kWords; e += all) {
        const uint row = first_n + e / kWords, k = k0 + e % kWords;
        tile_w[e / kWords * kStride + e % kWords] =
            row < columns && k < depth_in_words() ? word_of(w, begins_w, row, k) : 0;
      }
      barrier();
      for (uint k = 0; k < kDeep; k += kK) {
        coopmat<NUMBER, gl_ScopeSubgroup, kM, kK, gl_MatrixUseA> a[2];
        [[unroll]] for (uint i = 0; i < 2; ++i)
          coopMatLoad(a[i], tile_x, (at_m + i * kM) * kStride + k / kOfWord, kStride,
                      gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < 2; ++j) {
          coopmat<NUMBER, gl_ScopeSubgroup, kK, kN, gl_MatrixUseB> b;
          coopMatLoad(b, tile_w, (at_n + j * kN) * kStride + k / kOfWord, kStride,
                      gl_CooperativeMatrixLayoutColumnMajor);
          [[unroll]] for (uint i = 0; i < 2; ++i) sum[i][j] = coopMatMulAdd(a[i], b, sum[i][j]);
        }
      }
    }
    if (turn + gl_SubgroupID < 4)
      [[unroll]] for (uint i = 0; i < 2; ++i)
        [[unroll]] for (uint j = 0; j < 2; ++j)
          coopMatStore(sum[i][j], sums, (at_m + i * kM) * kTileN + at_n + j * kN, kTileN,
                       gl_CooperativeMatrixLayoutRowMajor);
  }
  barrier();
  for (uint e = t; e < kTileM * kTileN; e += all) finish(first_m + e / kTileN, first_n + e % kTileN, sums[e]);
}
