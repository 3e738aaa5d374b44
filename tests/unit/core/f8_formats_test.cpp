// The 8-bit floats against a rule written only with doubles: what each pattern means, and which pattern is nearest.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/float_formats.h"

namespace newbie {
namespace {

struct F8 {
  int exponent_bits, mantissa_bits;
  uint32_t largest;  // the largest finite pattern
  bool has_infinity;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }

  // Of a positive pattern, as if every pattern were finite.
  double value(uint32_t bits) const {
    const int exponent = static_cast<int>(bits >> mantissa_bits);
    const double mantissa = std::ldexp(bits & ((1U << mantissa_bits) - 1), -mantissa_bits);
    return exponent == 0 ? std::ldexp(mantissa, 1 - bias()) : std::ldexp(1 + mantissa, exponent - bias());
  }
};

constexpr F8 kE4M3{4, 3, 0x7E, false};
constexpr F8 kE5M2{5, 2, 0x7B, true};

template <typename T>
void expect_every_pattern_widens(const F8& format) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    const float got = to_float(T{static_cast<uint8_t>(bits)});
    const uint32_t magnitude = bits & 0x7FU;
    ASSERT_EQ(std::signbit(got), bits >> 7 != 0) << bits;
    if (magnitude <= format.largest)
      ASSERT_EQ(std::abs(static_cast<double>(got)), format.value(magnitude)) << bits;
    else if (format.has_infinity && magnitude == format.largest + 1)
      ASSERT_TRUE(std::isinf(got)) << bits;
    else
      ASSERT_TRUE(std::isnan(got)) << bits;
  }
}

TEST(F8Formats, Every256PatternsOfE4M3Widen) { expect_every_pattern_widens<f8_e4m3_t>(kE4M3); }
TEST(F8Formats, Every256PatternsOfE5M2Widen) { expect_every_pattern_widens<f8_e5m2_t>(kE5M2); }

TEST(F8Formats, BothAreExactInBf16) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    const float a = to_float(f8_e4m3_t{static_cast<uint8_t>(bits)}),
                b = to_float(f8_e5m2_t{static_cast<uint8_t>(bits)});
    EXPECT_TRUE(std::isnan(a) || to_float(to_bf16(a)) == a) << a;
    EXPECT_TRUE(std::isnan(b) || to_float(to_bf16(b)) == b) << b;
  }
}

// The pattern nearest to a positive finite x by comparing distances, the even one of two equally near; a pattern beyond
// the largest stands for overflow.
uint32_t nearest(const F8& format, double x) {
  uint32_t best = 0;
  for (uint32_t bits = 1; bits <= format.largest + 1; ++bits) {
    const double nearer = std::abs(format.value(bits) - x) - std::abs(format.value(best) - x);
    if (nearer < 0 || (nearer == 0 && (bits & 1U) == 0)) best = bits;
  }
  return best;
}

uint32_t expected(const F8& format, float x, Overflow overflow) {
  const uint32_t sign = std::signbit(x) ? 0x80U : 0;
  if (std::isnan(x)) return sign | 0x7FU;
  const double magnitude = std::abs(static_cast<double>(x));
  const bool far_beyond = magnitude >= format.value(format.largest + 1);  // where distances would round, too
  const uint32_t bits = far_beyond ? format.largest + 1 : nearest(format, magnitude);
  if (bits <= format.largest) return sign | bits;
  if (overflow == Overflow::Saturate) return sign | format.largest;
  return sign | (format.has_infinity ? format.largest + 1 : 0x7FU);
}

void check(float x) {
  for (const Overflow overflow : {Overflow::Special, Overflow::Saturate}) {
    ASSERT_EQ(to_f8_e4m3(x, overflow).bits, expected(kE4M3, x, overflow)) << x;
    ASSERT_EQ(to_f8_e5m2(x, overflow).bits, expected(kE5M2, x, overflow)) << x;
  }
}

TEST(F8Formats, NarrowingIsNearestEvenAroundEveryBoundary) {
  for (const F8& format : {kE4M3, kE5M2})
    for (uint32_t bits = 0; bits <= format.largest; ++bits) {
      const auto here = static_cast<float>(format.value(bits));
      const auto half = static_cast<float>((format.value(bits) + format.value(bits + 1)) / 2);
      for (const float x : {here, half})
        for (const float y : {std::nextafter(x, 0.0F), x, std::nextafter(x, 1e9F)}) {
          check(y);
          check(-y);
        }
    }
}

TEST(F8Formats, NarrowingIsNearestEvenOnRandomPatterns) {
  std::mt19937 random(8);
  for (int i = 0; i < 200'000; ++i) {
    // All floats, and those in and around the range, where it is decided.
    check(std::bit_cast<float>(static_cast<uint32_t>(random())));
    const auto exponent = static_cast<uint32_t>(100 + random() % 48);
    check(std::bit_cast<float>((static_cast<uint32_t>(random()) & 0x807FFFFFU) | exponent << 23));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(F8Formats, VectorsOfTheSpec) {
  EXPECT_EQ(to_f8_e4m3(1.0F).bits, 0x38);
  EXPECT_EQ(to_f8_e5m2(1.0F).bits, 0x3C);
  EXPECT_EQ(to_f8_e4m3(0.1F).bits, 0x1D);
  EXPECT_EQ(to_f8_e5m2(0.1F).bits, 0x2E);
  EXPECT_EQ(to_f8_e4m3(-0.3F).bits, 0xAA);
  EXPECT_EQ(to_f8_e5m2(-0.3F).bits, 0xB5);
  EXPECT_EQ(to_f8_e4m3(50.596443F).bits, 0x65);
  EXPECT_EQ(to_f8_e5m2(50.596443F).bits, 0x52);
  EXPECT_EQ(to_f8_e4m3(464.0F).bits, 0x7E);
  EXPECT_EQ(to_f8_e4m3(464.1F).bits, 0x7F);
  EXPECT_EQ(to_f8_e4m3(0x1p-9F).bits, 0x01);
  EXPECT_EQ(to_f8_e4m3(0x1p-10F).bits, 0x00);
  EXPECT_EQ(to_f8_e4m3(1.0001F * 0x1p-10F).bits, 0x01);
  EXPECT_EQ(to_f8_e4m3(1.5F * 0x1p-10F).bits, 0x01);
  EXPECT_EQ(to_f8_e4m3(0x1p-6F).bits, 0x08);
  EXPECT_EQ(to_f8_e5m2(61439.9F).bits, 0x7B);
  EXPECT_EQ(to_f8_e5m2(61440.0F).bits, 0x7C);
  EXPECT_EQ(to_f8_e5m2(0x1p-16F).bits, 0x01);
  EXPECT_EQ(to_f8_e5m2(0x1p-17F).bits, 0x00);
  EXPECT_EQ(to_f8_e5m2(1.0001F * 0x1p-17F).bits, 0x01);
}

}  // namespace
}  // namespace newbie
