#include "weights/formats/gguf_narrow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/float_formats.h"

namespace newbie {

namespace {

constexpr size_t kValues = 32;
using Levels = std::array<int, kValues>;

void put_f16(float x, std::byte* out) {
  const uint16_t bits = to_f16(x).bits;
  out[0] = static_cast<std::byte>(bits & 0xFFU);
  out[1] = static_cast<std::byte>(bits >> 8);
}

float inverse(float d) { return d == 0 ? 0.0F : 1.0F / d; }

// The first value of the largest size, with its sign: symmetric formats put it at their lowest level.
float largest(const float* x) {
  return *std::max_element(x, x + kValues, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
}

// Rounded half up (towards zero after 0.5 was added, as the reference does) and kept within the levels.
int level(float scaled, float half, int top) {
  const float shifted = scaled + half;
  if (!(shifted > 0)) return 0;  // NaN too
  return static_cast<int>(std::min(shifted, static_cast<float>(top)));
}

Levels around_zero(const float* x, float d, float half, int top) {
  Levels q{};
  const float factor = inverse(d);
  for (size_t i = 0; i < kValues; ++i) q[i] = level(x[i] * factor, half, top);
  return q;
}

struct FromMinimum {
  float d, minimum;
  Levels q;
};
FromMinimum from_minimum(const float* x, int top) {
  const auto [low, high] = std::minmax_element(x, x + kValues);
  FromMinimum out{(*high - *low) / static_cast<float>(top), *low, {}};
  const float factor = inverse(out.d);
  for (size_t i = 0; i < kValues; ++i) out.q[i] = level((x[i] - out.minimum) * factor, 0.5F, top);
  return out;
}

void put_nibbles(const Levels& q, std::byte* out) {
  for (size_t i = 0; i < kValues / 2; ++i)
    out[i] = static_cast<std::byte>((q[i] & 15) | (q[i + kValues / 2] & 15) << 4);
}

void put_fifth_bits(const Levels& q, std::byte* out) {
  for (size_t i = 0; i < kValues; i += 8) {
    int bits = 0;
    for (size_t k = 0; k < 8; ++k) bits |= (q[i + k] >> 4) << k;
    out[i / 8] = static_cast<std::byte>(bits);
  }
}

}  // namespace

void narrow_q4_0(const float* x, std::byte* block) {
  const float d = largest(x) / -8.0F;
  put_f16(d, block);
  put_nibbles(around_zero(x, d, 8.5F, 15), block + 2);
}

void narrow_q5_0(const float* x, std::byte* block) {
  const float d = largest(x) / -16.0F;
  const Levels q = around_zero(x, d, 16.5F, 31);
  put_f16(d, block);
  put_fifth_bits(q, block + 2);
  put_nibbles(q, block + 6);
}

void narrow_q4_1(const float* x, std::byte* block) {
  const FromMinimum found = from_minimum(x, 15);
  put_f16(found.d, block);
  put_f16(found.minimum, block + 2);
  put_nibbles(found.q, block + 4);
}

void narrow_q5_1(const float* x, std::byte* block) {
  const FromMinimum found = from_minimum(x, 31);
  put_f16(found.d, block);
  put_f16(found.minimum, block + 2);
  put_fifth_bits(found.q, block + 4);
  put_nibbles(found.q, block + 8);
}

void narrow_q8_0(const float* x, std::byte* block) {
  const float d = std::fabs(largest(x)) / 127.0F;
  const float factor = inverse(d);
  put_f16(d, block);
  for (size_t i = 0; i < kValues; ++i) {
    const float rounded = std::round(x[i] * factor);  // half away from zero
    block[2 + i] = static_cast<std::byte>(std::isfinite(rounded) ? static_cast<int>(rounded) : 0);
  }
}

}  // namespace newbie
