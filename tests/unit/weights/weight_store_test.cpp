#include "weights/weight_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "core/float_formats.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"
#include "weights/open_weights.h"
#include "weights/safetensors_writer.h"

namespace newbie {
namespace {

using testing::ElementsAre;

template <typename T>
NamedTensor named(const char* name, Shape shape, DType dtype, const std::vector<T>& values) {
  return {name, {{shape, dtype}, reinterpret_cast<const std::byte*>(values.data())}};
}

template <typename T>
std::vector<T> read_as(const WeightStore& store, std::string_view name, DType dtype) {
  std::vector<T> out(store.find(name)->shape.elements());
  store.read(name, dtype, reinterpret_cast<std::byte*>(out.data()));
  return out;
}

// Widening by the definition of an IEEE format with 1 + exponent + mantissa bits.
double value_of(uint16_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) return mantissa == 0 ? sign * INFINITY : NAN;
  const double fraction = std::ldexp(mantissa, -mantissa_bits) + (exponent == 0 ? 0.0 : 1.0);
  return sign * std::ldexp(fraction, std::max(exponent, 1) - bias);
}

void expect_all_patterns(DType dtype, int exponent_bits, int mantissa_bits) {
  std::vector<uint16_t> patterns(65536);
  for (size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<uint16_t>(i);
  const TemporaryFolder folder;
  // A byte in front, so that the two-byte elements lie unaligned in the mapping.
  const std::string header = fmt::format(R"({{"u":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}},)"
                                         R"("w":{{"dtype":"{}","shape":[256,256],"data_offsets":[1,131073]}}}})",
                                         safetensors_dtype_name(dtype));
  put_file(folder / "m.safetensors",
           safetensors_bytes(header, "?" + std::string(as_text(std::as_bytes(std::span(patterns))))));
  WeightStore store;
  store.add("w", *open_weights(folder / "m.safetensors").find("w"));

  const std::vector<float> wide = read_as<float>(store, "w", DType::F32);
  for (size_t i = 0; i < patterns.size(); ++i) {
    const double expected = value_of(patterns[i], exponent_bits, mantissa_bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(wide[i])) << i;
    } else {
      ASSERT_EQ(static_cast<double>(wide[i]), expected) << i;
      ASSERT_EQ(std::signbit(wide[i]), (i & 0x8000) != 0) << i;
    }
  }
  EXPECT_EQ(read_as<uint16_t>(store, "w", dtype), patterns);
  EXPECT_EQ(std::memcmp(store.mapped("w").data, patterns.data(), 131072), 0);
}

TEST(WeightStore, ReadsEveryF16Exactly) { expect_all_patterns(DType::F16, 5, 10); }
TEST(WeightStore, ReadsEveryBf16Exactly) { expect_all_patterns(DType::BF16, 8, 7); }

TEST(WeightStore, ReadsEveryFloatDtypeAsEveryOther) {
  const TemporaryFolder folder;
  const std::vector<float> f32{1.0F, 1.00390625F, 70000.0F};
  const std::vector<double> f64{1.0, 1.00390625, 70000.0};
  write_safetensors(folder / "m.safetensors",
                    std::vector<NamedTensor>{named("f32", {3}, DType::F32, f32), named("f64", {3}, DType::F64, f64)});
  const OpenedWeights opened = open_weights(folder / "m.safetensors");
  WeightStore store;
  for (const FileTensor& tensor : opened.tensors) store.add(tensor.key(), tensor);
  for (const char* name : {"f32", "f64"}) {
    EXPECT_EQ(read_as<float>(store, name, DType::F32), f32);
    EXPECT_THAT(read_as<uint16_t>(store, name, DType::BF16), ElementsAre(0x3F80, 0x3F80, 0x4789));  // ties to even
    EXPECT_THAT(read_as<uint16_t>(store, name, DType::F16), ElementsAre(0x3C00, 0x3C04, 0x7C00));   // overflow: inf
  }
  EXPECT_EQ(store.bytes(), 12u + 24u);
}

class WeightStoreTest : public testing::Test {
 protected:
  WeightStoreTest() {
    const std::vector<float> values{1, 2, 3, 4, 5, 6};
    const std::vector<uint8_t> bytes{1, 2};
    write_safetensors(
        folder_ / "m.safetensors",
        std::vector<NamedTensor>{named("w", {2, 3}, DType::F32, values),
                                 named("conv", {3, 2, 1, 1}, DType::F32, values), named("u", {2}, DType::U8, bytes)},
        {{"format", "pt"}});
    opened_ = open_weights(folder_ / "m.safetensors");
  }

  const FileTensor& tensor(std::string_view key) const { return *opened_.find(key); }

  TemporaryFolder folder_;
  OpenedWeights opened_;
  WeightStore store_;
};

TEST_F(WeightStoreTest, KnowsNamesShapesBytesAndMetadata) {
  store_.add("b", tensor("w"));
  store_.add("a", tensor("u"));
  store_.add_alias("c", "b");
  EXPECT_THAT(store_.names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(store_.bytes(), 26u);
  EXPECT_EQ(store_.metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  EXPECT_EQ(store_.find("b"), (TensorSpec{Shape{2, 3}, DType::F32}));
  EXPECT_EQ(store_.find("c"), store_.find("b"));
  EXPECT_EQ(store_.mapped("c").data, store_.mapped("b").data);
  EXPECT_EQ(store_.find("w"), std::nullopt);
  EXPECT_THAT(read_as<float>(store_, "c", DType::F32), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(WeightStoreTest, OutlivesTheListItWasFilledFrom) {
  store_.add("w", tensor("w"));
  opened_ = {};
  EXPECT_THAT(read_as<float>(store_, "w", DType::F32), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(WeightStoreTest, PresentsAOneByOneConvolutionAsAMatrix) {
  store_.add_as_matrix("conv", tensor("conv"));
  store_.add_as_matrix("w", tensor("w"));
  EXPECT_EQ(store_.find("conv"), (TensorSpec{Shape{3, 2}, DType::F32}));
  EXPECT_EQ(store_.find("w"), (TensorSpec{Shape{2, 3}, DType::F32}));
  EXPECT_EQ(store_.mapped("conv").data, tensor("conv").bytes().data());
  EXPECT_THAT(read_as<float>(store_, "conv", DType::F32), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_ERROR(store_.add_as_matrix("u", tensor("u")), ErrorKind::BadFile, "[rows, columns, 1, 1], got [2]");
}

TEST_F(WeightStoreTest, RefusesANameTwice) {
  store_.add("w", tensor("w"));
  EXPECT_ERROR(store_.add("w", tensor("conv")), ErrorKind::BadFile, "m.safetensors: tensor 'w' and from");
  EXPECT_ERROR(store_.add_as_matrix("w", tensor("conv")), ErrorKind::BadFile, "weight 'w': expected it once");
  EXPECT_ERROR(store_.add_derived("w", {}), ErrorKind::BadFile, "and from computed");
  EXPECT_ERROR(store_.add_alias("w", "w"), ErrorKind::BadFile, "expected it once");
  EXPECT_ERROR(store_.add_alias("v", "missing"), ErrorKind::BadFile, "got no such tensor");
  EXPECT_EQ(store_.bytes(), 24u);
}

TEST_F(WeightStoreTest, SaysWhichWeightIsMissingAndWhere) {
  store_.add("w", tensor("w"));
  std::byte nothing{};
  EXPECT_ERROR(store_.read("v", DType::F32, &nothing), ErrorKind::BadFile,
               "m.safetensors: expected weight 'v', got none");
  EXPECT_ERROR(store_.mapped("v"), ErrorKind::BadFile, "'v'");
  EXPECT_ERROR(store_.release("v"), ErrorKind::BadFile, "'v'");
}

TEST_F(WeightStoreTest, RefusesToReadBytesAsNumbers) {
  store_.add("u", tensor("u"));
  store_.add("w", tensor("w"));
  std::array<std::byte, 64> out{};
  EXPECT_ERROR(store_.read("u", DType::F32, out.data()), ErrorKind::Unsupported, "got u8 to read as f32");
  EXPECT_ERROR(store_.read("w", DType::I32, out.data()), ErrorKind::Unsupported, "got f32 to read as i32");
}

TEST_F(WeightStoreTest, ComputesDerivedTensorsInPieces) {
  constexpr int64_t kCount = 1'000'003;
  std::atomic<size_t> largest = 0;
  const auto fill = [&](size_t first, std::span<float> out) {
    largest = std::max<size_t>(largest, out.size());
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(first + i);
  };
  store_.add_derived("d", {.spec = {Shape{kCount}, DType::BF16}, .fill = fill, .sources = {tensor("w")}});
  store_.add_derived("none", {.spec = {Shape{0}, DType::BF16}, .fill = fill});
  EXPECT_EQ(store_.bytes(), 24u);  // what it is computed from
  EXPECT_EQ(store_.mapped("d").data, nullptr);
  EXPECT_EQ(store_.mapped("d").spec.shape, Shape{kCount});

  const std::vector<uint16_t> bf16 = read_as<uint16_t>(store_, "d", DType::BF16);
  EXPECT_LT(largest, static_cast<size_t>(kCount));
  const std::vector<float> f32 = read_as<float>(store_, "d", DType::F32);
  for (size_t i = 0; i < bf16.size(); ++i) {
    ASSERT_EQ(f32[i], static_cast<float>(i));
    ASSERT_EQ(bf16[i], to_bf16(static_cast<float>(i)).bits);
  }
  EXPECT_TRUE(read_as<float>(store_, "none", DType::F32).empty());
  EXPECT_TRUE(read_as<uint16_t>(store_, "none", DType::F16).empty());

  std::vector<std::byte> unaligned(4 * static_cast<size_t>(kCount) + 1);
  store_.read("d", DType::F32, unaligned.data() + 1);
  EXPECT_EQ(std::memcmp(unaligned.data() + 1, f32.data(), 4 * f32.size()), 0);
}

TEST_F(WeightStoreTest, WhatWasReleasedCanBeReadAgain) {
  store_.add("w", tensor("w"));
  store_.release("w");
  EXPECT_THAT(read_as<float>(store_, "w", DType::F32), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(WeightStore, ManyThreadsReadTheSameBytes) {
  const TemporaryFolder folder;
  std::vector<float> values(300'000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  write_safetensors(folder / "m.safetensors", std::vector<NamedTensor>{named("w", {300'000}, DType::F32, values)});
  const OpenedWeights opened = open_weights(folder / "m.safetensors");
  WeightStore store;
  store.add("w", *opened.find("w"));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        if (read_as<float>(store, "w", DType::F32) != values) ++wrong;
        store.release("w");
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(WeightStore, AFileThatShrinksUnderAReadIsAnError) {
  const TemporaryFolder folder;
  const std::vector<float> values(100'000, 1.0F);
  write_safetensors(folder / "m.safetensors", std::vector<NamedTensor>{named("w", {100'000}, DType::F32, values)});
  const OpenedWeights opened = open_weights(folder / "m.safetensors");
  const FileTensor tensor = *opened.find("w");
  WeightStore store;
  store.add("w", tensor);
  store.add_derived("d", {.spec = {Shape{100'000}, DType::F32},
                          .fill =
                              [&](size_t first, std::span<float> out) {
                                std::memcpy(out.data(), tensor.bytes().data() + 4 * first, out.size_bytes());
                              },
                          .sources = {tensor}});
  std::vector<float> out(values.size());
  auto* destination = reinterpret_cast<std::byte*>(out.data());
  store.read("w", DType::F32, destination);
  store.check_intact();
  std::filesystem::resize_file(folder / "m.safetensors", 8192);
  EXPECT_ERROR(store.read("w", DType::F32, destination), ErrorKind::BadFile, "m.safetensors");
  EXPECT_ERROR(store.read("d", DType::F32, destination), ErrorKind::BadFile, "m.safetensors");
  EXPECT_ERROR(store.read("d", DType::BF16, destination), ErrorKind::BadFile, "m.safetensors");
  EXPECT_ERROR(store.check_intact(), ErrorKind::BadFile, "shrank");
}

}  // namespace
}  // namespace newbie
