#version 450
// Rows of x as 8-bit whole numbers with one scale each, to the bits that the host makes (core/quantise.h), four to a word
// and zeros at the end of a row. A group takes a row.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"
#include "groups.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint kDTypeX = 0;
layout(push_constant) uniform Push {
  uvec2 x, words, scales;
  uint count, width, words_of_row;
};

float beside(float x, int steps) { return uintBitsToFloat(uint(int(floatBitsToUint(x)) + steps)); }

// a / b of positive numbers, rounded to nearest: a driver's own division may be off by its last bits. What q · b leaves of
// a is had without a rounding from halves of 12 bits each (a driver's fma may be two operations).
float divide(float a, float b) {
  float q = a / b;
  if (!(q > 0.0) || isinf(q)) return q;
  [[unroll]] for (int again = 0; again < 2; ++again) {
    const float qh = uintBitsToFloat(floatBitsToUint(q) & 0xfffff000u);
    const float bh = uintBitsToFloat(floatBitsToUint(b) & 0xfffff000u);
    precise const float ql = q - qh, bl = b - bh;
    precise const float rest = (((a - qh * bh) - qh * bl) - ql * bh) - ql * bl;
    precise const float up = 0.5 * (beside(q, 1) - q) * b, down = 0.5 * (q - beside(q, -1)) * b;
    if (rest > up) q = beside(q, 1);
    if (rest < -down) q = beside(q, -1);
  }
  return q;
}

void main() {
  const uint row = group_number(), t = gl_LocalInvocationIndex, first = row * width;
  if (row >= count) return;
  // Bits of magnitudes are in order of size: infinity and NaN are the largest. As floats, finite ones are, too.
  float mine = 0.0, bad = 0.0;
  for (uint i = t; i < width; i += 64) {
    const float size = abs(load(x, first + i, kDTypeX));
    if ((floatBitsToUint(size) & 0x7fffffffu) >= 0x7f800000u)
      bad = 1.0;
    else
      mine = max(mine, size);
  }
  const float largest = largest_of_group(mine);
  const bool finite = largest_of_group(bad) == 0.0;
  const float scale = finite ? divide(largest, 127.0) : uintBitsToFloat(0x7fc00000u);
  float inverse = finite && scale > 0.0 ? divide(127.0, largest) : 0.0;
  if (isinf(inverse)) inverse = 0.0;
  if (t == 0) Floats(scales).at[row] = scale;
  for (uint i = t; i < words_of_row; i += 64) {
    uint word = 0;
    [[unroll]] for (uint each = 0; each < 4; ++each) {
      const uint at = 4 * i + each;
      if (at < width && finite) {
        precise const float q = load(x, first + at, kDTypeX) * inverse;
        word |= (uint(int(clamp(roundEven(q), -127.0, 127.0))) & 0xffu) << (8 * each);
      }
    }
    Words(words).at[row * words_of_row + i] = word;
  }
}
