#version 450
// Rows of scores -> softmax over the visible keys of scale · scores; the others are 0. A group takes a row.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"
#include "functions.glsl"
#include "groups.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint kDTypeX = 0;
layout(constant_id = 1) const uint kDTypeY = 0;
layout(constant_id = 2) const bool kCausal = false;

layout(push_constant) uniform Push {
  uvec2 x, y;
  uint count, queries, keys, window;
  float scale;
};

void main() {
  const uint row = group_number(), t = gl_LocalInvocationIndex, first = row * keys;
  if (row >= count) return;
  const uint to = kCausal ? min(row % queries + 1, keys) : keys;
  const uint from = kCausal && window > 0 && to > window ? to - window : 0;
  float mine = -3.0e38;
  for (uint i = from + t; i < to; i += 64) {
    const float s = load(x, first + i, kDTypeX) * scale;
    mine = s > mine ? s : mine;
  }
  const float most = largest_of_group(mine);
  mine = 0.0;
  for (uint i = from + t; i < to; i += 64) {
    const float s = load(x, first + i, kDTypeX) * scale;
    mine += s <= most ? exp_of_nonpositive(s - most) : s;  // NaN stays
  }
  const float sum = sum_of_group(mine);
  for (uint i = t; i < keys; i += 64) {
    const float s = load(x, first + i, kDTypeX) * scale;
    store(y, first + i, kDTypeY, from <= i && i < to ? exp_of_nonpositive(s - most) / sum : 0.0);
  }
}
