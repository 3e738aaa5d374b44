#include "core/float_formats.h"

#include <cmath>
#include <cstring>

#include "core/error.h"

namespace newbie {

float to_float(f16_t x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16;
  uint32_t exponent = (x.bits >> 10) & 0x1Fu;
  uint32_t mantissa = x.bits & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<float>(sign);
    exponent = 113;  // 127 - 15 + 1, then normalise
    while ((mantissa & 0x400u) == 0) {
      mantissa <<= 1;
      --exponent;
    }
    return std::bit_cast<float>(sign | (exponent << 23) | ((mantissa & 0x3FFu) << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

f16_t to_f16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  const auto sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  const uint32_t a = u & 0x7FFFFFFFu;
  if (a > 0x7F800000u) return {static_cast<uint16_t>(sign | 0x7E00u)};
  if (a >= 0x477FF000u) return {static_cast<uint16_t>(sign | 0x7C00u)};  // |x| >= 65520
  if (a < 0x38800000u) {                                                 // below 2^-14: subnormal or zero
    if (a <= 0x33000000u) return {sign};                                 // |x| <= 2^-25 ties to zero
    const uint32_t exponent = a >> 23;                                   // 102 … 112
    const uint32_t mantissa = (a & 0x7FFFFFu) | 0x800000u;
    const uint32_t shift = 126 - exponent;  // 14 … 24
    const uint32_t half = 1u << (shift - 1);
    const uint32_t rest = mantissa & ((1u << shift) - 1);
    uint32_t out = mantissa >> shift;
    if (rest > half || (rest == half && (out & 1u))) ++out;
    return {static_cast<uint16_t>(sign | out)};
  }
  const uint32_t rounded = a + 0xFFFu + ((a >> 13) & 1u);
  return {static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

namespace {

// |x| in an 8-bit float with `mantissa` bits below the exponent, bias 2^(exponents−1)−1; `a` are the bits of a finite
// |x| that stays in range. Numbers below the smallest normal one are rounded by the addition of a power of two whose
// last place is the smallest subnormal.
uint32_t narrow_magnitude(uint32_t a, uint32_t mantissa, uint32_t bias) {
  const uint32_t smallest_normal = (128 - bias) << 23;
  const uint32_t dropped = 23 - mantissa;
  if (a < smallest_normal) {
    const uint32_t anchor = (128 - bias + dropped) << 23;
    return std::bit_cast<uint32_t>(std::bit_cast<float>(a) + std::bit_cast<float>(anchor)) - anchor;
  }
  return (a - ((127 - bias) << 23) + (1u << (dropped - 1)) - 1 + ((a >> dropped) & 1u)) >> dropped;
}

uint8_t sign_of(float x) { return static_cast<uint8_t>(std::bit_cast<uint32_t>(x) >> 24 & 0x80u); }
uint32_t magnitude_of(float x) { return std::bit_cast<uint32_t>(x) & 0x7FFFFFFFu; }

}  // namespace

float to_float(f8_e4m3_t x) {
  const float sign = (x.bits & 0x80u) != 0 ? -1.0F : 1.0F;
  const uint32_t exponent = (x.bits >> 3) & 0xFu;
  const uint32_t mantissa = x.bits & 7u;
  if (exponent == 15 && mantissa == 7)
    return std::bit_cast<float>(static_cast<uint32_t>(x.bits & 0x80u) << 24 | 0x7FC00000u);
  if (exponent == 0) return sign * static_cast<float>(mantissa) * 0x1p-9F;
  return sign * std::bit_cast<float>(((exponent + 120) << 23) | (mantissa << 20));
}

// The upper half of an f16.
float to_float(f8_e5m2_t x) { return to_float(f16_t{static_cast<uint16_t>(x.bits << 8)}); }

f8_e4m3_t to_f8_e4m3(float x, Overflow overflow) {
  const uint8_t sign = sign_of(x);
  const uint32_t a = magnitude_of(x);
  if (a > 0x7F800000u) return {static_cast<uint8_t>(sign | 0x7Fu)};
  if (a > 0x43E80000u)  // |x| > 464, half-way to the value that 0x7F would be
    return {static_cast<uint8_t>(sign | (overflow == Overflow::Saturate ? 0x7Eu : 0x7Fu))};
  return {static_cast<uint8_t>(sign | narrow_magnitude(a, 3, 7))};
}

f8_e5m2_t to_f8_e5m2(float x, Overflow overflow) {
  const uint8_t sign = sign_of(x);
  const uint32_t a = magnitude_of(x);
  if (a > 0x7F800000u) return {static_cast<uint8_t>(sign | 0x7Fu)};
  if (a >= 0x47700000u)  // |x| >= 61440, half-way to infinity
    return {static_cast<uint8_t>(sign | (overflow == Overflow::Saturate ? 0x7Bu : 0x7Cu))};
  return {static_cast<uint8_t>(sign | narrow_magnitude(a, 2, 15))};
}

float round_to(DType dtype, float x) {
  switch (dtype) {
    case DType::F32: return x;
    case DType::BF16: return to_float(to_bf16(x));
    case DType::F16: return to_float(to_f16(x));
    case DType::F8E4M3: return to_float(to_f8_e4m3(x, Overflow::Saturate));
    case DType::F8E5M2: return to_float(to_f8_e5m2(x));
    default: fail(ErrorKind::Internal, "round_to: {} is not a float format we round to", to_string(dtype));
  }
}

namespace {

template <typename T>
T load(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof(T));
  return v;
}

template <typename From, typename To, typename Rule>
void convert_with(const std::byte* source, std::byte* destination, size_t count, Rule rule) {
  for (size_t i = 0; i < count; ++i) {
    const To y = rule(load<From>(source + i * sizeof(From)));
    std::memcpy(destination + i * sizeof(To), &y, sizeof(To));
  }
}

// To the float towards zero, with its last bit set when that was not exact (rounding to odd): rounded further to a
// format at least two bits shorter, this gives what one rounding from the double would.
float to_float_odd(double x) {
  const auto nearest = static_cast<float>(x);
  if (static_cast<double>(nearest) == x || x != x) return nearest;
  auto bits = std::bit_cast<uint32_t>(nearest);
  if (std::abs(static_cast<double>(nearest)) > std::abs(x)) --bits;  // also from infinity to the largest number
  return std::bit_cast<float>(bits | 1u);
}

template <typename From>
void convert_from(const std::byte* source, DType to, std::byte* destination, size_t count, float (*widen)(From)) {
  switch (to) {
    case DType::F32: return convert_with<From, float>(source, destination, count, [&](From x) { return widen(x); });
    case DType::BF16:
      return convert_with<From, bf16_t>(source, destination, count, [&](From x) { return to_bf16(widen(x)); });
    case DType::F16:
      return convert_with<From, f16_t>(source, destination, count, [&](From x) { return to_f16(widen(x)); });
    case DType::F8E4M3:
      return convert_with<From, f8_e4m3_t>(source, destination, count,
                                           [&](From x) { return to_f8_e4m3(widen(x), Overflow::Saturate); });
    case DType::F8E5M2:
      return convert_with<From, f8_e5m2_t>(source, destination, count, [&](From x) { return to_f8_e5m2(widen(x)); });
    default: fail(ErrorKind::Unsupported, "no conversion to {}", to_string(to));
  }
}

}  // namespace

void convert(DType from, const std::byte* source, DType to, std::byte* destination, size_t count) {
  if (from == to) {
    if (count != 0) std::memmove(destination, source, count * size_of(from));
    return;
  }
  switch (from) {
    case DType::F32: return convert_from<float>(source, to, destination, count, [](float x) { return x; });
    case DType::BF16: return convert_from<bf16_t>(source, to, destination, count, [](bf16_t x) { return to_float(x); });
    case DType::F16: return convert_from<f16_t>(source, to, destination, count, [](f16_t x) { return to_float(x); });
    case DType::F8E4M3:
      return convert_from<f8_e4m3_t>(source, to, destination, count, [](f8_e4m3_t x) { return to_float(x); });
    case DType::F8E5M2:
      return convert_from<f8_e5m2_t>(source, to, destination, count, [](f8_e5m2_t x) { return to_float(x); });
    case DType::F64:
      if (to != DType::F32) return convert_from<double>(source, to, destination, count, to_float_odd);
      return convert_from<double>(source, to, destination, count, [](double x) { return static_cast<float>(x); });
    default: fail(ErrorKind::Unsupported, "no conversion from {} to {}", to_string(from), to_string(to));
  }
}

}  // namespace newbie
