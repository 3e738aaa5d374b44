#version 450
// The mean over rows, a column an invocation. The sum is kept with what its roundings lost (Kahan).
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint kDTypeX = 0;
layout(constant_id = 1) const uint kDTypeY = 0;
layout(push_constant) uniform Push {
  uvec2 x, y;
  uint rows, columns;
};

void main() {
  const uint column = group_number() * 64 + gl_LocalInvocationIndex;
  if (column >= columns) return;
  precise float sum = 0.0, lost = 0.0;
  for (uint row = 0; row < rows; ++row) {
    precise float term = load(x, row * columns + column, kDTypeX) - lost;
    precise float next = sum + term;
    lost = (next - sum) - term;
    sum = next;
  }
  store(y, column, kDTypeY, sum / float(rows));
}
