// The kernel distance against a direct double loop, public code, and its promises.
#include "evaluate/kernel_distance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "evaluate/set_distance.h"
#include "support/golden.h"
#include "unit/evaluate/made_features.h"

namespace newbie::test {
namespace {

double kernel(std::span<const float> x, std::span<const float> y) {
  double product = 0;
  for (size_t i = 0; i < x.size(); ++i) product += double{x[i]} * double{y[i]};
  return std::pow(product / static_cast<double>(x.size()) + 1, 3);
}

// The formula, pair by pair; rows stand as often as they are counted, and never beside themselves.
double direct(const FeatureMatrix& a, const FeatureMatrix& b, const RowCounts& u, const RowCounts& v) {
  const auto within = [](const FeatureMatrix& set, const RowCounts& counts) {
    double sum = 0, pairs = 0;
    for (size_t i = 0; i < set.rows(); ++i)
      for (size_t j = 0; j < set.rows(); ++j) {
        if (i == j) continue;
        sum += static_cast<double>(counts[i]) * counts[j] * kernel(set.row(i), set.row(j));
        pairs += static_cast<double>(counts[i]) * counts[j];
      }
    return sum / pairs;
  };
  double across = 0, pairs = 0;
  for (size_t i = 0; i < a.rows(); ++i)
    for (size_t j = 0; j < b.rows(); ++j) {
      across += static_cast<double>(u[i]) * v[j] * kernel(a.row(i), b.row(j));
      pairs += static_cast<double>(u[i]) * v[j];
    }
  return within(a, u) + within(b, v) - 2 * across / pairs;
}

TEST(KernelDistance, EqualsTheDirectLoop) {
  const FeatureMatrix a = normal_features(37, 20, 1), b = normal_features(29, 20, 2, 0.5f, 1.5f);
  const double want = direct(a, b, RowCounts(37, 1), RowCounts(29, 1));
  EXPECT_NEAR(kernel_distance(a, b), want, 1e-10 * std::abs(want));
}

TEST(KernelDistance, ResamplesEqualTheDirectLoop) {
  // More rows than a block of the kernel has.
  const FeatureMatrix a = normal_features(300, 8, 3), b = normal_features(270, 8, 4, 0.25f);
  std::vector<ResampledPair> resamples{{RowCounts(300, 1), RowCounts(270, 1)}};
  for (uint64_t r = 0; r < 3; ++r) {
    Draws draws(5, r);
    resamples.push_back({resample(300, draws), resample(270, draws)});
  }
  ThreadPool one(1), three(3);
  const std::vector<double> got = kernel_distances(a, b, resamples, three, {});
  ASSERT_EQ(got.size(), 4u);
  for (size_t r = 0; r < got.size(); ++r) EXPECT_NEAR(got[r], direct(a, b, resamples[r].a, resamples[r].b), 1e-9) << r;
  EXPECT_NEAR(got[0], kernel_distance(a, b), 1e-12);
  EXPECT_EQ(kernel_distances(a, b, resamples, one, {}), got);
}

TEST(KernelDistance, EqualsPublicCode) {
  int compared = 0;
  const Json goldens = golden_json("evaluate.json");
  for (const Json& row : goldens.at("distances")) {
    if (!row.contains("kid")) continue;
    const auto set = [&](const char* side) {
      const Json& s = row.at(side);
      return normal_features(s[1], row.at("columns"), s[0], s[2], s[3]);
    };
    const double want = row.at("kid");
    // Features are the same floats but for the last bits of PyTorch's log and cos, sums of terms around 1.
    EXPECT_NEAR(kernel_distance(set("a"), set("b")), want, 1e-6) << row.dump();
    ++compared;
  }
  EXPECT_GE(compared, 1);
}

// Unbiased: over many pairs of sets of one distribution the mean is 0.
TEST(KernelDistance, IsZeroOnAverageForOneDistribution) {
  std::vector<double> values;
  for (uint64_t s = 0; s < 100; ++s)
    values.push_back(kernel_distance(normal_features(20, 16, 1000 + s), normal_features(20, 16, 2000 + s)));
  const Spread spread = spread_of(values);
  EXPECT_LT(std::abs(spread.mean), 4 * spread.deviation / 10) << spread.deviation;  // four standard errors
}

TEST(SubsetKernelDistance, AllRowsAreOneSubset) {
  const FeatureMatrix a = normal_features(20, 16, 1), b = normal_features(20, 16, 2);
  ThreadPool pool(2);
  const SubsetDistance all = subset_kernel_distance(a, b, {}, pool, {});
  EXPECT_EQ(all.subsets, 1u);
  EXPECT_EQ(all.over_subsets.mean, kernel_distance(a, b));
}

TEST(SubsetKernelDistance, TheMeanOfSubsetsIsNearTheWhole) {
  const FeatureMatrix a = normal_features(200, 16, 1), b = normal_features(150, 16, 2, 0.5f);
  ThreadPool pool(2);
  const SubsetDistance some = subset_kernel_distance(a, b, {.subsets = 200, .most = 50, .seed = 1}, pool, {});
  EXPECT_EQ(some.rows, 50u);
  // Subsets overlap, so their spread bounds the mean's error generously.
  EXPECT_NEAR(some.over_subsets.mean, kernel_distance(a, b), some.over_subsets.deviation / 2);
}

TEST(KernelReport, IntervalSurroundsTheValue) {
  const FeatureMatrix a = normal_features(40, 16, 1), b = normal_features(50, 16, 2, 0.5f);
  ThreadPool pool(2);
  const SetDistance d = kernel_report(a, b, {.resamples = 100}, pool, {});
  ASSERT_TRUE(d.interval && d.split_half);
  EXPECT_TRUE(d.interval->contains(d.value));
  EXPECT_GT(d.interval->low, 0);  // half a deviation in 16 dimensions is seen
  EXPECT_EQ(d.subset.rows, 40u);
}

}  // namespace
}  // namespace newbie::test
