#version 450
// The maximum or the mean of the pixels that a window has inside the picture, a number an invocation.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const bool kMean = false;
layout(constant_id = 1) const uint kDTypeX = 0;
layout(constant_id = 2) const uint kDTypeY = 0;
layout(push_constant) uniform Push {
  uvec2 x, y;
  uint count, channels, height, width, out_width, kernel, stride, top, left;
};

void main() {
  const uint i = group_number() * 64 + gl_LocalInvocationIndex;
  if (i >= count) return;
  const uint channel = i % channels, pixel = i / channels;
  const int r0 = int(pixel / out_width * stride) - int(top), c0 = int(pixel % out_width * stride) - int(left);
  float result = 0.0;
  uint seen = 0;
  for (int r = max(r0, 0); r < min(r0 + int(kernel), int(height)); ++r)
    for (int c = max(c0, 0); c < min(c0 + int(kernel), int(width)); ++c) {
      const float v = load(x, (uint(r) * width + uint(c)) * channels + channel, kDTypeX);
      if (kMean)
        result += v;
      else if (seen == 0 || v > result)
        result = v;
      ++seen;
    }
  store(y, i, kDTypeY, kMean ? result / float(seen) : result);
}
