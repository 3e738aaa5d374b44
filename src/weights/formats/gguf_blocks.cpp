#include "weights/formats/gguf_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/float_formats.h"
#include "weights/formats/gguf_narrow.h"

namespace newbie {

namespace {

// Every product below is exact in f32: an f16 has 11 bits, stored scales and values have at most 8. So formats without
// a minimum are exact, and those with one round once, whatever the order and whether the sum is fused or not.

int at(const std::byte* bytes, size_t i) { return std::to_integer<int>(bytes[i]); }
int signed_at(const std::byte* bytes, size_t i) { return std::to_integer<int8_t>(bytes[i]); }
float f16_at(const std::byte* bytes, size_t i) {
  return to_float(f16_t{static_cast<uint16_t>(at(bytes, i) | at(bytes, i + 1) << 8)});
}
uint32_t u32_at(const std::byte* bytes, size_t i) {
  return static_cast<uint32_t>(at(bytes, i) | at(bytes, i + 1) << 8 | at(bytes, i + 2) << 16) |
         static_cast<uint32_t>(at(bytes, i + 3)) << 24;
}

// 32 values whose nibbles lie in 16 bytes: low nibbles are the first half, high nibbles the second.
template <typename Value>
void nibbles_of_32(const std::byte* packed, float* y, Value value) {
  for (size_t i = 0; i < 16; ++i) {
    y[i] = value(at(packed, i) & 15, i);
    y[i + 16] = value(at(packed, i) >> 4, i + 16);
  }
}

// d · (q − 8)
void q4_0(const std::byte* b, float* y) {
  const float d = f16_at(b, 0);
  nibbles_of_32(b + 2, y, [d](int q, size_t) { return d * static_cast<float>(q - 8); });
}

// d · q + m
void q4_1(const std::byte* b, float* y) {
  const float d = f16_at(b, 0), m = f16_at(b, 2);
  nibbles_of_32(b + 4, y, [d, m](int q, size_t) { return d * static_cast<float>(q) + m; });
}

// A fifth bit of each value: bit i of a word.
int with_bit(int nibble, uint32_t bits, size_t i) { return nibble | static_cast<int>(bits >> i & 1) << 4; }

// d · (q − 16)
void q5_0(const std::byte* b, float* y) {
  const float d = f16_at(b, 0);
  const uint32_t high = u32_at(b, 2);
  nibbles_of_32(b + 6, y, [=](int q, size_t i) { return d * static_cast<float>(with_bit(q, high, i) - 16); });
}

// d · q + m
void q5_1(const std::byte* b, float* y) {
  const float d = f16_at(b, 0), m = f16_at(b, 2);
  const uint32_t high = u32_at(b, 4);
  nibbles_of_32(b + 8, y, [=](int q, size_t i) { return d * static_cast<float>(with_bit(q, high, i)) + m; });
}

// d · q
void q8_0(const std::byte* b, float* y) {
  const float d = f16_at(b, 0);
  for (size_t i = 0; i < 32; ++i) y[i] = d * static_cast<float>(signed_at(b, 2 + i));
}

// What four bits stand for in the IQ4 formats.
constexpr std::array<float, 16> kIq4{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// d · K[q]
void iq4_nl(const std::byte* b, float* y) {
  const float d = f16_at(b, 0);
  nibbles_of_32(b + 2, y, [d](int q, size_t) { return d * kIq4[static_cast<size_t>(q)]; });
}

// 2^(e − 127) times E2M1, whose table is doubled here and the scale halved.
void mxfp4(const std::byte* b, float* y) {
  static constexpr std::array<float, 16> kE2m1{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  const float d = std::ldexp(1.0F, at(b, 0) - 128);
  nibbles_of_32(b + 1, y, [d](int q, size_t) { return d * kE2m1[static_cast<size_t>(q)]; });
}

// Element i of 128 in two bits: byte i % 32, bits 2 · (i / 32).
int two_bits(const std::byte* packed, size_t i) {
  return at(packed, 32 * (i / 128) + i % 32) >> (2 * (i % 128 / 32)) & 3;
}

// d · s · q − dmin · m, s and m of 16 values in the nibbles of a byte
void q2_k(const std::byte* b, float* y) {
  const float d = f16_at(b, 80), dmin = f16_at(b, 82);
  for (size_t j = 0; j < 16; ++j) {
    const float scale = d * static_cast<float>(at(b, j) & 15), low = dmin * static_cast<float>(at(b, j) >> 4);
    for (size_t i = 16 * j; i < 16 * j + 16; ++i) y[i] = scale * static_cast<float>(two_bits(b + 16, i)) - low;
  }
}

// d · (s − 32) · q, s of 16 values in six bits, q's third bit (inverted: its sign) in a mask
void q3_k(const std::byte* b, float* y) {
  const float d = f16_at(b, 108);
  for (size_t j = 0; j < 16; ++j) {
    const int low = at(b, 96 + j % 8) >> (j < 8 ? 0 : 4) & 15, high = at(b, 104 + j % 4) >> (2 * (j / 4)) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    for (size_t i = 16 * j; i < 16 * j + 16; ++i) {
      const int above = at(b, i % 32) >> (i / 32) & 1;
      y[i] = scale * static_cast<float>(two_bits(b + 32, i) - (above != 0 ? 0 : 4));
    }
  }
}

// Scale and minimum of 32 values, six bits each, eight pairs in twelve bytes.
struct SixBits {
  int scale, minimum;
};
SixBits six_bits(const std::byte* c, size_t j) {
  if (j < 4) return {at(c, j) & 63, at(c, j + 4) & 63};
  return {(at(c, j + 4) & 15) | at(c, j - 4) >> 6 << 4, at(c, j + 4) >> 4 | at(c, j) >> 6 << 4};
}

// d · s · q − dmin · m; `fifth` gives what the fifth bit adds to element i of sub-block j.
template <typename Fifth>
void q4_or_q5_k(const std::byte* b, const std::byte* nibbles, float* y, Fifth fifth) {
  const float d = f16_at(b, 0), dmin = f16_at(b, 2);
  for (size_t j = 0; j < 8; ++j) {
    const SixBits six = six_bits(b + 4, j);
    const float scale = d * static_cast<float>(six.scale), low = dmin * static_cast<float>(six.minimum);
    const int shift = j % 2 == 0 ? 0 : 4;
    for (size_t i = 0; i < 32; ++i) {
      const int q = (at(nibbles, 32 * (j / 2) + i) >> shift & 15) + fifth(i, j);
      y[32 * j + i] = scale * static_cast<float>(q) - low;
    }
  }
}

void q4_k(const std::byte* b, float* y) {
  q4_or_q5_k(b, b + 16, y, [](size_t, size_t) { return 0; });
}

void q5_k(const std::byte* b, float* y) {
  q4_or_q5_k(b, b + 48, y, [b](size_t i, size_t j) { return (at(b, 16 + i) >> j & 1) << 4; });
}

// d · s · (q − 32), q in four low and two high bits
void q6_k(const std::byte* b, float* y) {
  const float d = f16_at(b, 208);
  for (size_t j = 0; j < 16; ++j) {
    const float scale = d * static_cast<float>(signed_at(b, 192 + j));
    for (size_t i = 16 * j; i < 16 * j + 16; ++i) {
      const size_t half = i / 128, l = i % 32, k = i % 128 / 32;
      const int low = at(b, 64 * half + l + 32 * (k & 1)) >> (k >= 2 ? 4 : 0) & 15;
      const int high = at(b, 128 + 32 * half + l) >> (2 * k) & 3;
      y[i] = scale * static_cast<float>((low | high << 4) - 32);
    }
  }
}

// d · (s − 32) · K[q], s of 32 values in six bits
void iq4_xs(const std::byte* b, float* y) {
  const float d = f16_at(b, 0);
  const int high = at(b, 2) | at(b, 3) << 8;
  for (size_t g = 0; g < 8; ++g) {
    const int s = (at(b, 4 + g / 2) >> (4 * (g % 2)) & 15) | (high >> (2 * g) & 3) << 4;
    const float scale = d * static_cast<float>(s - 32);
    nibbles_of_32(b + 8 + 16 * g, y + 32 * g, [scale](int q, size_t) { return scale * kIq4[static_cast<size_t>(q)]; });
  }
}

constexpr BlockFormat kBlockFormats[] = {
    {"Q4_0", 2, 32, 18, q4_0, narrow_q4_0},  {"Q4_1", 3, 32, 20, q4_1, narrow_q4_1},
    {"Q5_0", 6, 32, 22, q5_0, narrow_q5_0},  {"Q5_1", 7, 32, 24, q5_1, narrow_q5_1},
    {"Q8_0", 8, 32, 34, q8_0, narrow_q8_0},  {"Q2_K", 10, 256, 84, q2_k, nullptr},
    {"Q3_K", 11, 256, 110, q3_k, nullptr},   {"Q4_K", 12, 256, 144, q4_k, nullptr},
    {"Q5_K", 13, 256, 176, q5_k, nullptr},   {"Q6_K", 14, 256, 210, q6_k, nullptr},
    {"IQ4_NL", 20, 32, 18, iq4_nl, nullptr}, {"IQ4_XS", 23, 256, 136, iq4_xs, nullptr},
    {"MXFP4", 39, 32, 17, mxfp4, nullptr},
};

struct PlainType {
  std::string_view name;
  uint32_t id;
  DType dtype;
};
constexpr PlainType kPlainTypes[] = {
    {"F32", 0, DType::F32}, {"F16", 1, DType::F16}, {"I8", 24, DType::I8}, {"BF16", 30, DType::BF16}};

// Types that are refused, so that the message can name them.
struct NamedType {
  uint32_t id;
  std::string_view name;
};
constexpr NamedType kNamedTypes[] = {{4, "Q4_2 (removed)"},
                                     {5, "Q4_3 (removed)"},
                                     {9, "Q8_1"},
                                     {15, "Q8_K"},
                                     {16, "IQ2_XXS"},
                                     {17, "IQ2_XS"},
                                     {18, "IQ3_XXS"},
                                     {19, "IQ1_S"},
                                     {21, "IQ3_S"},
                                     {22, "IQ2_S"},
                                     {25, "I16"},
                                     {26, "I32"},
                                     {27, "I64"},
                                     {28, "F64"},
                                     {29, "IQ1_M"},
                                     {31, "Q4_0_4_4 (removed)"},
                                     {32, "Q4_0_4_8 (removed)"},
                                     {33, "Q4_0_8_8 (removed)"},
                                     {34, "TQ1_0"},
                                     {35, "TQ2_0"},
                                     {36, "IQ4_NL_4_4 (removed)"},
                                     {37, "IQ4_NL_4_8 (removed)"},
                                     {38, "IQ4_NL_8_8 (removed)"},
                                     {40, "NVFP4"},
                                     {41, "Q1_0"}};

}  // namespace

const BlockFormat* find_block_format(uint32_t id) {
  for (const BlockFormat& format : kBlockFormats)
    if (format.id == id) return &format;
  return nullptr;
}

const BlockFormat* find_block_format(std::string_view name) {
  for (const BlockFormat& format : kBlockFormats)
    if (format.name == name) return &format;
  return nullptr;
}

GgufType gguf_type(uint32_t id) {
  if (const BlockFormat* blocks = find_block_format(id)) return {.name = blocks->name, .blocks = blocks};
  for (const PlainType& plain : kPlainTypes)
    if (plain.id == id) return {.name = plain.name, .plain = plain.dtype};
  for (const NamedType& named : kNamedTypes)
    if (named.id == id) return {.name = named.name};
  return {};
}

uint32_t gguf_type_id(DType dtype) {
  for (const PlainType& plain : kPlainTypes)
    if (plain.dtype == dtype) return plain.id;
  fail(ErrorKind::Internal, "GGUF: no type for {}", to_string(dtype));
}

void widen_blocks(const BlockFormat& format, std::span<const std::byte> blocks, size_t first, std::span<float> out) {
  std::array<float, kLargestBlock> whole;
  size_t block = first / format.elements, skip = first % format.elements;
  while (!out.empty()) {
    const std::byte* const from = blocks.subspan(block * format.bytes, format.bytes).data();
    const size_t count = std::min(out.size(), format.elements - skip);
    if (count == format.elements) {
      format.widen(from, out.data());
    } else {
      format.widen(from, whole.data());
      std::memcpy(out.data(), whole.data() + skip, count * sizeof(float));
    }
    out = out.subspan(count);
    skip = 0;
    ++block;
  }
}

void narrow_blocks(const BlockFormat& format, std::span<const float> values, std::span<std::byte> out) {
  if (format.narrow == nullptr || values.size() % format.elements != 0 ||
      out.size() != values.size() / format.elements * format.bytes)
    fail(ErrorKind::Internal, "GGUF: {} values into {} bytes of {}", values.size(), out.size(), format.name);
  for (size_t block = 0; block < values.size() / format.elements; ++block)
    format.narrow(values.data() + block * format.elements, out.data() + block * format.bytes);
}

}  // namespace newbie
