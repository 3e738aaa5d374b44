// float32 ↔ bfloat16, float16 and the two 8-bit floats: exact widening, narrowing by round-to-nearest-even
// (spec/metrics.md §6). NaN stays NaN, overflow becomes infinity (NaN in e4m3, which has none), subnormals are kept.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace newbie {

struct bf16_t {
  uint16_t bits;
};
struct f16_t {
  uint16_t bits;
};
struct f8_e4m3_t {
  uint8_t bits;
};
struct f8_e5m2_t {
  uint8_t bits;
};

inline float to_float(float x) { return x; }
inline float to_float(bf16_t x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }
float to_float(f16_t x);

inline bf16_t to_bf16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return {static_cast<uint16_t>((u >> 16) | 0x0040u)};  // quiet the NaN
  return {static_cast<uint16_t>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16)};
}
f16_t to_f16(float x);

// What becomes of values beyond the largest finite one of an 8-bit float.
enum class Overflow {
  Special,   // as PyTorch casts: NaN in e4m3, infinity in e5m2
  Saturate,  // the largest finite value, infinities included, as quantisers do; NaN stays NaN
};

float to_float(f8_e4m3_t x);
float to_float(f8_e5m2_t x);
f8_e4m3_t to_f8_e4m3(float x, Overflow overflow = Overflow::Special);
f8_e5m2_t to_f8_e5m2(float x, Overflow overflow = Overflow::Special);

// Rounds a float to the nearest value of `dtype` and back (identity for F32).
float round_to(DType dtype, float x);

// Converts `count` elements between any two of F32, BF16, F16, F64 and the 8-bit floats (F64 as a source only; to an
// 8-bit float with Overflow::Special), rounding once. Source and
// destination may be unaligned; they must not overlap unless the dtypes are equal.
void convert(DType from, const std::byte* source, DType to, std::byte* destination, size_t count);

}  // namespace newbie
