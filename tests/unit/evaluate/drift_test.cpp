// Drift of values, and distances of sets drawn from the same seeds.
#include "evaluate/drift.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/float_formats.h"
#include "evaluate/frechet.h"
#include "evaluate/kernel_distance.h"
#include "evaluate/paired_distance.h"
#include "unit/evaluate/made_features.h"

namespace newbie {
namespace {

using testing::ElementsAre;

TEST(Drift, ByItsDefinition) {
  const Drift d = drift_of(std::array{3.0f, 4.0f}, std::array{4.0f, 3.0f});
  EXPECT_DOUBLE_EQ(d.relative_error, std::sqrt(2.0) / 5);
  EXPECT_DOUBLE_EQ(d.cosine, 24.0 / 25);
  EXPECT_EQ(d.not_finite, 0u);
}

TEST(Drift, EqualNumbersHaveNone) {
  for (const float v : {0.0f, 1e-30f, 3e38f}) {
    const Drift d = drift_of(std::array{v, v}, std::array{v, v});
    EXPECT_EQ(d.relative_error, 0);
    EXPECT_EQ(d.cosine, 1);
  }
  EXPECT_EQ(drift_of({}, {}).relative_error, 0);
}

TEST(Drift, WhatIsNotFiniteIsCounted) {
  const float infinite = std::numeric_limits<float>::infinity();
  const Drift d = drift_of(std::array{infinite, std::nanf(""), 1.0f}, std::array{1.0f, 1.0f, 1.0f});
  EXPECT_TRUE(std::isinf(d.relative_error));
  EXPECT_TRUE(std::isnan(d.cosine));
  EXPECT_EQ(d.not_finite, 2u);
  EXPECT_TRUE(std::isinf(drift_of(std::array{1.0f}, std::array{0.0f}).relative_error));
  EXPECT_THROW(drift_of(std::array{1.0f}, {}), Error);
}

TEST(Drift, SamplesAreEvenlySpacedInEveryDtype) {
  std::vector<float> all(10);
  std::vector<bf16_t> narrow(10);
  for (size_t i = 0; i < all.size(); ++i) narrow[i] = to_bf16(all[i] = static_cast<float>(i));
  const auto view = [](const auto& values, DType dtype) {
    return ConstTensorView({Shape{static_cast<int64_t>(values.size())}, dtype},
                           reinterpret_cast<const std::byte*>(values.data()));
  };
  EXPECT_THAT(sampled_floats(view(all, DType::F32), 4), ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(sampled_floats(view(narrow, DType::BF16), 4), ElementsAre(0, 2, 5, 7));
  EXPECT_EQ(sampled_floats(view(all, DType::F32), 10), all);
  EXPECT_EQ(sampled_floats(view(all, DType::F32), 1000), all);
  EXPECT_TRUE(sampled_floats(view(all, DType::I32), 4).empty());
  EXPECT_TRUE(sampled_floats(view(all, DType::F32), 0).empty());
}

TEST(PairedDistance, ASetDoesNotDifferFromItself) {
  ThreadPool pool(1);
  const FeatureMatrix set = test::normal_features(40, 6, 1), reference = test::normal_features(50, 6, 2);
  for (const auto& distance : {paired_frechet_distance, paired_kernel_distance}) {
    const PairedDistance d = distance(set, set, reference, {50, 3}, pool, {});
    EXPECT_EQ(d.difference, 0);
    ASSERT_TRUE(d.sureness.interval);
    EXPECT_EQ(d.sureness.interval->low, 0);
    EXPECT_EQ(d.sureness.interval->high, 0);
  }
}

TEST(PairedDistance, AShiftOfOneSetIsSeenThoughTheSetsAreSmall) {
  ThreadPool pool(2);
  const FeatureMatrix second = test::normal_features(60, 6, 1), reference = test::normal_features(60, 6, 2);
  FeatureMatrix first = second;
  for (float& v : first.values) v += 1.5f;
  const PairedDistance frechet = paired_frechet_distance(first, second, reference, {100, 3}, pool, {});
  EXPECT_NEAR(frechet.difference, frechet_distance(first, reference).value - frechet_distance(second, reference).value,
              1e-9);
  EXPECT_GT(frechet.sureness.interval->low, 0);
  const PairedDistance kernel = paired_kernel_distance(first, second, reference, {100, 3}, pool, {});
  EXPECT_NEAR(kernel.difference, kernel_distance(first, reference) - kernel_distance(second, reference), 1e-9);
  EXPECT_GT(kernel.sureness.interval->low, 0);
  EXPECT_THROW(paired_frechet_distance(test::normal_features(3, 6, 1), second, reference, {}, pool, {}), Error);
}

}  // namespace
}  // namespace newbie
