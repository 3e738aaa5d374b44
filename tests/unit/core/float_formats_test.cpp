// bf16 and f16 against a rule written only with doubles: widening by ldexp, narrowing by comparing the distances to
// the two neighbours.
#include "core/float_formats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/error.h"
#include "expect_error.h"

namespace newbie {
namespace {

struct Format {
  int exponent_bits;
  int mantissa_bits;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  uint32_t infinity() const { return ((1U << exponent_bits) - 1) << mantissa_bits; }  // bits of +inf; NaNs lie above

  // The value of positive finite bits. The bits of infinity give the next power of two, where rounding to it starts.
  double value(uint32_t bits) const {
    const int exponent = static_cast<int>(bits >> mantissa_bits);
    const double mantissa = bits & ((1U << mantissa_bits) - 1);
    if (exponent == 0) return std::ldexp(mantissa, 1 - bias() - mantissa_bits);
    return std::ldexp(mantissa + std::ldexp(1.0, mantissa_bits), exponent - bias() - mantissa_bits);
  }
};

constexpr Format kBf16{8, 7};
constexpr Format kF16{5, 10};

template <typename T>
void expect_widening(const Format& format) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const float got = to_float(T{static_cast<uint16_t>(bits)});
    const uint32_t magnitude = bits & 0x7FFF;
    ASSERT_EQ(std::signbit(got), (bits >> 15) != 0) << std::hex << bits;
    if (magnitude > format.infinity()) {
      ASSERT_TRUE(std::isnan(got)) << std::hex << bits;
    } else if (magnitude == format.infinity()) {
      ASSERT_TRUE(std::isinf(got)) << std::hex << bits;
    } else {
      ASSERT_EQ(std::abs(static_cast<double>(got)), format.value(magnitude)) << std::hex << bits;
    }
  }
}

TEST(FloatFormats, EveryBf16Widens) { expect_widening<bf16_t>(kBf16); }
TEST(FloatFormats, EveryF16Widens) { expect_widening<f16_t>(kF16); }

TEST(FloatFormats, EveryPatternSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto b = static_cast<uint16_t>(bits);
    if ((bits & 0x7FFF) <= kBf16.infinity())
      ASSERT_EQ(to_bf16(to_float(bf16_t{b})).bits, b);
    else
      ASSERT_TRUE(std::isnan(to_float(to_bf16(to_float(bf16_t{b})))));
    if ((bits & 0x7FFF) <= kF16.infinity())
      ASSERT_EQ(to_f16(to_float(f16_t{b})).bits, b);
    else
      ASSERT_TRUE(std::isnan(to_float(to_f16(to_float(f16_t{b})))));
  }
}

// The bits a float has to become: nearest of the two neighbours, the even one when they are equally far.
class Rounding {
 public:
  explicit Rounding(const Format& format) : infinity_(format.infinity()) {
    for (uint32_t bits = 0; bits <= infinity_; ++bits) values_.push_back(format.value(bits));
  }

  bool accepts(double x, uint16_t got) const {
    const bool negative = (got >> 15) != 0;
    const uint32_t magnitude = got & 0x7FFFU;
    if (negative != std::signbit(x)) return false;
    if (std::isnan(x)) return magnitude > infinity_;
    return magnitude == nearest(std::abs(x));
  }

 private:
  uint32_t nearest(double x) const {
    if (x >= values_.back()) return infinity_;
    const auto above = static_cast<uint32_t>(std::upper_bound(values_.begin(), values_.end(), x) - values_.begin());
    const double down = x - values_[above - 1];
    const double up = values_[above] - x;
    if (down == up) return (above & 1U) == 0 ? above : above - 1;
    return down < up ? above - 1 : above;
  }

  uint32_t infinity_;
  std::vector<double> values_;
};

struct RoundingCheck {
  Rounding bf16{kBf16};
  Rounding f16{kF16};

  void operator()(uint32_t bits) const {
    const float x = std::bit_cast<float>(bits);
    ASSERT_TRUE(bf16.accepts(x, to_bf16(x).bits)) << std::hex << bits << " -> bf16 " << to_bf16(x).bits;
    ASSERT_TRUE(f16.accepts(x, to_f16(x).bits)) << std::hex << bits << " -> f16 " << to_f16(x).bits;
  }
};

// Every sign and exponent with every kept mantissa, and the dropped bits around zero, half and one.
TEST(FloatFormats, NarrowingIsNearestEvenOnEveryBoundary) {
  const RoundingCheck check;
  std::vector<uint32_t> mantissas;
  for (const int dropped : {13, 16})
    for (uint32_t kept = 0; kept < (1U << (23 - dropped)); ++kept)
      for (const uint32_t half : {1U << (dropped - 1)})
        for (const uint32_t rest : {0U, 1U, half - 1, half, half + 1, 2 * half - 1})
          mantissas.push_back((kept << dropped) | rest);
  for (int bit = 0; bit < 23; ++bit)  // f16 subnormals drop up to 24 bits
    for (const uint32_t m : {(1U << bit) - 1, 1U << bit, (1U << bit) + 1, 0x7FFFFFU ^ (1U << bit), 0x7FFFFFU << bit})
      mantissas.push_back(m & 0x7FFFFFU);
  for (uint32_t top = 0; top < 512; ++top)
    for (const uint32_t mantissa : mantissas) {
      check((top << 23) | mantissa);
      if (testing::Test::HasFatalFailure()) return;
    }
}

TEST(FloatFormats, NarrowingIsNearestEvenOnRandomPatterns) {
  const RoundingCheck check;
  std::mt19937 random(20240607);
  for (int i = 0; i < 10'000'000; ++i) {
    check(static_cast<uint32_t>(random()));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(FloatFormats, VectorsOfTheSpec) {
  EXPECT_EQ(to_bf16(1.0F).bits, 0x3F80);
  EXPECT_EQ(to_bf16(0.1F).bits, 0x3DCD);
  EXPECT_EQ(to_bf16(-0.3F).bits, 0xBE9A);
  EXPECT_EQ(to_bf16(50.596443F).bits, 0x424A);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()).bits, 0x7F80);
  EXPECT_EQ(to_bf16(3.3895314e38F).bits, 0x7F7F);
  EXPECT_EQ(to_bf16(1e-40F).bits, 0x0001);
  EXPECT_EQ(to_f16(1.0F).bits, 0x3C00);
  EXPECT_EQ(to_f16(0.1F).bits, 0x2E66);
  EXPECT_EQ(to_f16(-0.3F).bits, 0xB4CD);
  EXPECT_EQ(to_f16(50.596443F).bits, 0x5253);
  EXPECT_EQ(to_f16(65519.99F).bits, 0x7BFF);
  EXPECT_EQ(to_f16(65520.0F).bits, 0x7C00);
  EXPECT_EQ(to_f16(0x1p-24F).bits, 0x0001);
  EXPECT_EQ(to_f16(0x1p-25F).bits, 0x0000);
  EXPECT_EQ(to_f16(1.0001F * 0x1p-25F).bits, 0x0001);
}

TEST(FloatFormats, RoundToGoesThereAndBack) {
  EXPECT_EQ(round_to(DType::F32, 0.1F), 0.1F);
  EXPECT_EQ(round_to(DType::BF16, 0.1F), 0.10009765625F);
  EXPECT_EQ(round_to(DType::F16, 0.1F), 0.0999755859375F);
  EXPECT_EQ(round_to(DType::F8E4M3, 0.1F), 0.1015625F);
  EXPECT_EQ(round_to(DType::F8E5M2, 0.1F), 0.09375F);
  EXPECT_ERROR(round_to(DType::I32, 1.0F), ErrorKind::Internal, "i32");
}

// Values that every format holds, moved between all pairs from and to odd addresses.
TEST(FloatFormats, ConvertMovesBetweenAllPairsUnaligned) {
  const std::vector<double> values{0.0, 1.0, -2.5, 0.0078125, 224.0};
  const auto encode = [&](DType dtype) {
    std::vector<std::byte> bytes(1 + values.size() * size_of(dtype));
    for (size_t i = 0; i < values.size(); ++i) {
      std::byte* at = bytes.data() + 1 + i * size_of(dtype);
      const auto x = static_cast<float>(values[i]);
      const bf16_t b = to_bf16(x);
      const f16_t h = to_f16(x);
      if (dtype == DType::F32) std::memcpy(at, &x, sizeof x);
      if (dtype == DType::BF16) std::memcpy(at, &b, sizeof b);
      if (dtype == DType::F16) std::memcpy(at, &h, sizeof h);
      if (dtype == DType::F64) std::memcpy(at, &values[i], sizeof values[i]);
      if (dtype == DType::F8E4M3) *at = static_cast<std::byte>(to_f8_e4m3(x).bits);
      if (dtype == DType::F8E5M2) *at = static_cast<std::byte>(to_f8_e5m2(x).bits);
    }
    return bytes;
  };
  for (const DType from : {DType::F32, DType::BF16, DType::F16, DType::F64, DType::F8E4M3, DType::F8E5M2})
    for (const DType to : {DType::F32, DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2}) {
      const std::vector<std::byte> source = encode(from);
      std::vector<std::byte> got(1 + values.size() * size_of(to));
      convert(from, source.data() + 1, to, got.data() + 1, values.size());
      EXPECT_EQ(got, encode(to)) << to_string(from) << " -> " << to_string(to);
    }
}

// Doubles just beside the point halfway between two neighbours: a float on the way would round them onto it.
TEST(FloatFormats, DoublesAreRoundedOnce) {
  std::mt19937_64 random(5);
  for (const auto& [format, to] : {std::pair(kBf16, DType::BF16), {kF16, DType::F16}}) {
    const Rounding rounding(format);
    std::vector<double> values{0.0,
                               -0.0,
                               1e300,
                               -1e300,
                               1e-300,
                               5e-324,
                               -5e-324,
                               65519.999999999,
                               3.4e38,
                               std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()};
    for (uint32_t bits = 0; bits + 1 < format.infinity(); ++bits) {
      const double half = (format.value(bits) + format.value(bits + 1)) / 2;
      for (const double x : {half, std::nextafter(half, 0.0), std::nextafter(half, 1e308)})
        values.insert(values.end(), {x, -x});
    }
    for (int i = 0; i < 100'000; ++i) values.push_back(std::bit_cast<double>(random()));
    std::vector<uint16_t> got(values.size());
    convert(DType::F64, reinterpret_cast<const std::byte*>(values.data()), to, reinterpret_cast<std::byte*>(got.data()),
            values.size());
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_TRUE(rounding.accepts(values[i], got[i])) << values[i] << " -> " << to_string(to) << " " << got[i];
  }
}

TEST(FloatFormats, ConvertRefusesOtherTypes) {
  std::byte bytes[8]{};
  EXPECT_ERROR(convert(DType::I8, bytes, DType::F32, bytes, 1), ErrorKind::Unsupported, "from int8");
  EXPECT_ERROR(convert(DType::F32, bytes, DType::I32, bytes, 1), ErrorKind::Unsupported, "to i32");
}

}  // namespace
}  // namespace newbie
