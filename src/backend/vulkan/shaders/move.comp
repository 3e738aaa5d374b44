#version 450
// Copies elements of 2 or 4 bytes from where the coordinates of a box say to where they say, or fills with zeros.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const bool kWide = true;    // 4 bytes, else 2
layout(constant_id = 1) const bool kFill = false;   // with zeros: nothing is read
layout(constant_id = 2) const bool kHalve = false;  // the first two coordinates are halved for the source

layout(push_constant) uniform Push {
  uvec2 x, y;
  uint count;
  uint from, to;                               // where the box begins
  uint extent[5], step_from[5], step_to[5];  // of the box; elements between neighbours
};

void main() {
  uint rest = group_number() * 64 + gl_LocalInvocationIndex;
  if (rest >= count) return;
  uint source = from, target = to;
  [[unroll]] for (int axis = 4; axis >= 0; --axis) {
    const uint at = rest % extent[axis];
    rest /= extent[axis];
    source += (kHalve && axis < 2 ? at / 2 : at) * step_from[axis];
    target += at * step_to[axis];
  }
  if (kWide)
    Words(y).at[target] = kFill ? 0 : Words(x).at[source];
  else
    Halves(y).at[target] = uint16_t(kFill ? 0u : uint(Halves(x).at[source]));
}
