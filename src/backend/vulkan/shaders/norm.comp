#version 450
// Rows of n numbers, a group each: an RMS norm, a layer norm or none, then one of the ends below. Sums in f32.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"
#include "functions.glsl"
#include "groups.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint kNorm = 0;  // 0: none, 1: RMS, 2: layer
layout(constant_id = 1) const uint kEnd = 0;   // 0: none, 1: · (1 + e), 2: f + ·, 3: f + tanh(e) ·, 4: turned by e and f
layout(constant_id = 2) const uint kDTypeX = 0;
layout(constant_id = 3) const uint kDTypeW = 0;
layout(constant_id = 4) const uint kDTypeB = 0;
layout(constant_id = 5) const uint kDTypeE = 0;
layout(constant_id = 6) const uint kDTypeF = 0;
layout(constant_id = 7) const uint kDTypeY = 0;
layout(constant_id = 8) const bool kWeights = true;
layout(constant_id = 9) const bool kBias = false;
layout(constant_id = 10) const bool kRowE = false;         // e is one row
layout(constant_id = 11) const bool kInterleaved = false;  // pairs of a turn

layout(push_constant) uniform Push {
  uvec2 x, w, b, e, f, y;
  uint count, n;
  uint heads;  // rows that share the angles of a turn
  float eps, offset;
};

void main() {
  const uint row = group_number(), t = gl_LocalInvocationIndex, first = row * n;
  if (row >= count) return;
  float mean = 0.0, gain = 1.0;
  if (kNorm == 2) {
    float mine = 0.0;
    for (uint i = t; i < n; i += 64) mine += load(x, first + i, kDTypeX);
    mean = sum_of_group(mine) / float(n);
  }
  if (kNorm != 0) {
    float mine = 0.0;
    for (uint i = t; i < n; i += 64) {
      const float v = load(x, first + i, kDTypeX) - mean;
      mine = fma(v, v, mine);
    }
    gain = 1.0 / sqrt(sum_of_group(mine) / float(n) + eps);
  }

  if (kEnd == 4) {
    const uint pairs = n / 2, angles = row / heads * pairs;
    for (uint i = t; i < pairs; i += 64) {
      const uint p = kInterleaved ? 2 * i : i, q = kInterleaved ? 2 * i + 1 : i + pairs;
      float u = load(x, first + p, kDTypeX), v = load(x, first + q, kDTypeX);
      if (kNorm == 1) {
        u *= gain * (offset + load(w, p, kDTypeW));
        v *= gain * (offset + load(w, q, kDTypeW));
      }
      const float c = load(e, angles + i, kDTypeE), s = load(f, angles + i, kDTypeF);
      store(y, first + p, kDTypeY, u * c - v * s);
      store(y, first + q, kDTypeY, u * s + v * c);
    }
    return;
  }
  for (uint i = t; i < n; i += 64) {
    float v = load(x, first + i, kDTypeX);
    if (kNorm == 1) v *= gain * (offset + load(w, i, kDTypeW));
    if (kNorm == 2) {
      v = (v - mean) * gain;
      if (kWeights) v *= load(w, i, kDTypeW);
      if (kBias) v += load(b, i, kDTypeB);
    }
    if (kEnd == 1) v *= 1.0 + load(e, kRowE ? i : first + i, kDTypeE);
    if (kEnd == 2) v += load(f, first + i, kDTypeF);
    if (kEnd == 3) v = load(f, first + i, kDTypeF) + tanh_of(load(e, kRowE ? i : first + i, kDTypeE)) * v;
    store(y, first + i, kDTypeY, v);
  }
}
