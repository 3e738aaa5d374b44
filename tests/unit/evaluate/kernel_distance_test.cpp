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

// The formula, pair by pair; no row stands beside itself, nor beside its counterpart where rows are pairs.
double direct(const FeatureMatrix& a, const FeatureMatrix& b, bool paired = false) {
  const auto mean = [](const FeatureMatrix& x, const FeatureMatrix& y, bool without_own) {
    double sum = 0, pairs = 0;
    for (size_t i = 0; i < x.rows(); ++i)
      for (size_t j = 0; j < y.rows(); ++j) {
        if (without_own && i == j) continue;
        sum += kernel(x.row(i), y.row(j));
        pairs += 1;
      }
    return sum / pairs;
  };
  return mean(a, a, true) + mean(b, b, true) - 2 * mean(a, b, paired);
}

TEST(KernelDistance, EqualsTheDirectLoop) {
  const FeatureMatrix a = normal_features(37, 20, 1), b = normal_features(29, 20, 2, 0.5f, 1.5f);
  const double want = direct(a, b);
  EXPECT_NEAR(kernel_distance(a, b), want, 1e-10 * std::abs(want));
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

TEST(KernelEstimate, IsOfAllRowsAtUnequalN) {
  // More rows than a block of pairs has.
  const FeatureMatrix a = normal_features(300, 8, 3), b = normal_features(270, 8, 4, 0.25f);
  ThreadPool one(1), three(3);
  const u_statistic::Estimate x = kernel_estimate(a, b, {.resamples = 50, .seed = 5}, one, {}),
                              y = kernel_estimate(a, b, {.resamples = 50, .seed = 5}, three, {});
  EXPECT_NEAR(x.value, direct(a, b), 1e-10);
  ASSERT_TRUE(x.sureness.interval && y.sureness.interval);
  EXPECT_EQ(x.sureness.interval->low, y.sureness.interval->low);
  EXPECT_EQ(x.sureness.interval->high, y.sureness.interval->high);
  EXPECT_EQ(x.sureness.p_value, y.sureness.p_value);
  EXPECT_EQ(x.value, y.value);
}

// The deviation of many estimates is what one says of itself, with and without a difference.
TEST(KernelEstimate, KnowsItsOwnVariance) {
  ThreadPool pool(2);
  for (const float shift : {0.0f, 0.6f}) {
    std::vector<double> values, squares;
    for (uint64_t s = 0; s < 300; ++s) {
      const u_statistic::Estimate e = kernel_estimate(
          normal_features(24, 6, 1000 + s), normal_features(32, 6, 5000 + s, shift), {.resamples = 0}, pool, {});
      values.push_back(e.value);
      squares.push_back(e.sureness.standard_error * e.sureness.standard_error);
    }
    // A deviation of 300 values is known to 4 %; what falls below 0 and is cut off there widens the estimate by chance.
    const double seen = spread_of(values).deviation, said = std::sqrt(spread_of(squares).mean);
    EXPECT_GT(said, 0.85 * seen) << shift;
    EXPECT_LT(said, 1.35 * seen) << shift;
  }
}

TEST(PairedKernel, LeavesCounterpartsOut) {
  const FeatureMatrix a = normal_features(40, 8, 3);
  FeatureMatrix b = a;
  for (size_t i = 0; i < b.values.size(); i += 3) b.values[i] += 0.5f;
  ThreadPool pool(2);
  const u_statistic::Estimate e = paired_kernel_estimate(a, b, {.resamples = 200}, pool, {});
  EXPECT_NEAR(e.value, direct(a, b, true), 1e-10);
  EXPECT_LE(*e.sureness.p_value, 0.05);
  const u_statistic::Estimate same = paired_kernel_estimate(a, a, {.resamples = 200}, pool, {});
  EXPECT_EQ(same.value, 0);
  EXPECT_FALSE(e.sureness.interval || same.sureness.interval);
  EXPECT_EQ(same.sureness.p_value, 1);
  EXPECT_THROW(paired_kernel_estimate(a, normal_features(39, 8, 1), {}, pool, {}), Error);
}

// Copies of one set are no draws that are nearer than chance: their distance as a pair is 0, not below it.
TEST(PairedKernel, IsNotBelowZeroForPairsOfOneDistribution) {
  std::vector<double> paired, independent;
  ThreadPool pool(2);
  for (uint64_t s = 0; s < 100; ++s) {
    const FeatureMatrix a = normal_features(20, 8, 100 + s), noise = normal_features(20, 8, 900 + s, 0, 0.1f);
    FeatureMatrix x = a, y = a;
    for (size_t i = 0; i < a.values.size(); ++i) x.values[i] += noise.values[i], y.values[i] -= noise.values[i];
    paired.push_back(paired_kernel_estimate(x, y, {.resamples = 0}, pool, {}).value);
    independent.push_back(kernel_distance(x, y));
  }
  const Spread p = spread_of(paired), i = spread_of(independent);
  EXPECT_LT(std::abs(p.mean), 4 * p.deviation / 10);
  EXPECT_LT(i.mean, -10 * i.deviation / 10);  // the reason for a form of its own
}

TEST(KernelReport, SaysWhatItIsSureOf) {
  const FeatureMatrix a = normal_features(40, 16, 1), b = normal_features(50, 16, 2, 0.5f);
  ThreadPool pool(2);
  const SetDistance d = kernel_report(a, b, Sets::Independent, {.resamples = 200}, pool, {});
  ASSERT_TRUE(d.sureness.interval && d.split_half && d.sureness.p_value && d.sureness.detectable);
  EXPECT_TRUE(d.sureness.interval->contains(d.value));
  EXPECT_GT(d.sureness.interval->low, 0);  // half a deviation in 16 dimensions is seen
  EXPECT_LE(*d.sureness.p_value, 0.01);
  EXPECT_EQ(d.value, kernel_estimate(a, b, {.resamples = 0}, pool, {}).value);
  EXPECT_EQ(d.subset.rows, 40u);
  const SetDistance few = kernel_report(normal_features(19, 16, 1), b, Sets::Independent, {.resamples = 200}, pool, {});
  EXPECT_FALSE(few.sureness.interval || few.sureness.p_value || few.sureness.detectable);
}

}  // namespace
}  // namespace newbie::test
