#version 450
// y[i] = f(a[i], b[i], c[i]): one of the functions below; an operand with fewer elements is one row that serves all.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"
#include "functions.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint kFunction = 0;  // as kernels/pointwise.cpp
layout(constant_id = 1) const uint kDTypeA = 0;
layout(constant_id = 2) const uint kDTypeB = 0;
layout(constant_id = 3) const uint kDTypeC = 0;
layout(constant_id = 4) const uint kDTypeY = 0;
layout(constant_id = 5) const uint kOperands = 1;
layout(constant_id = 6) const bool kRowB = false;  // b is a row
layout(constant_id = 7) const bool kRowC = false;

layout(push_constant) uniform Push {
  uvec2 a, b, c, y;
  uint count, row_b, row_c;
  float scalar;
};

float apply(float a, float b, float c) {
  switch (kFunction) {
    case 0: return a;
    case 1: return silu(a);
    case 2: return gelu_tanh(a);
    case 3: return gelu_erf(a);
    case 4: return tanh_of(a);
    case 5: return a < 0.0 ? 0.0 : a;
    case 6: return a + scalar;
    case 7: return a * scalar;
    case 8: return a + b;
    case 9: return a * b;
    case 10: return silu(a) * b;
    case 11: return gelu_tanh(a) * b;
    case 12: return a * (1.0 + b);
    case 13: return a + tanh_of(c) * b;
  }
  return 0.0;
}

void main() {
  const uint i = group_number() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
  if (i >= count) return;
  const float u = load(a, i, kDTypeA);
  const float v = kOperands > 1 ? load(b, kRowB ? i % row_b : i, kDTypeB) : 0.0;
  const float w = kOperands > 2 ? load(c, kRowC ? i % row_c : i, kDTypeC) : 0.0;
  store(y, i, kDTypeY, apply(u, v, w));
}
