// Draws, intervals, and the estimates of means made of them.
#include "evaluate/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "evaluate/clip_score.h"
#include "unit/core/expect_error.h"
#include "unit/evaluate/made_features.h"

namespace newbie::test {
namespace {

TEST(Draws, FollowSeedAndStream) {
  Draws draws(7, 3);
  const std::vector<size_t> first{draws.below(1000), draws.below(1000), draws.below(1000)};
  Draws again(7, 3), stream(7, 4), seed(8, 3);
  EXPECT_EQ(first, (std::vector<size_t>{again.below(1000), again.below(1000), again.below(1000)}));
  EXPECT_NE(first, (std::vector<size_t>{stream.below(1000), stream.below(1000), stream.below(1000)}));
  EXPECT_NE(first, (std::vector<size_t>{seed.below(1000), seed.below(1000), seed.below(1000)}));
}

TEST(Draws, CoverTheRangeEvenly) {
  Draws draws(1, 0);
  std::vector<int> counts(10);
  for (int i = 0; i < 10000; ++i) ++counts[draws.below(10)];
  for (const int c : counts) EXPECT_NEAR(c, 1000, 150);  // five standard deviations
}

TEST(Resample, DrawsAsManyAsThereAreAndNeverOneRowAlone) {
  Draws draws(1, 0);
  for (const size_t rows : {2u, 3u, 100u})
    for (int i = 0; i < 50; ++i) {
      const RowCounts counts = resample(rows, draws);
      EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), size_t{0}), rows);
      EXPECT_LT(*std::ranges::max_element(counts), rows);
    }
}

TEST(Resample, ShufflesArePermutations) {
  Draws draws(1, 0);
  std::vector<size_t> order = shuffled(50, draws);
  EXPECT_FALSE(std::ranges::is_sorted(order));
  std::ranges::sort(order);
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
}

TEST(IntervalOf, TakesQuantiles) {
  std::vector<double> values(1001);
  std::iota(values.begin(), values.end(), 0.0);
  std::ranges::reverse(values);
  const auto interval = interval_of(values);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 25);
  EXPECT_DOUBLE_EQ(interval->high, 975);
  EXPECT_FALSE(interval_of({}));
}

TEST(EstimateMean, CoversTheTruthAboutAsOftenAsItSays) {
  ThreadPool pool(2);
  int covered = 0;
  for (uint64_t s = 0; s < 200; ++s) {
    const FeatureMatrix sample = normal_features(60, 1, 100 + s, 3.0f);
    const std::vector<double> values(sample.values.begin(), sample.values.end());
    const MeanEstimate e = estimate_mean(values, {.resamples = 300, .seed = s}, pool, {});
    ASSERT_TRUE(e.sureness.interval);
    covered += e.sureness.interval->contains(3.0) ? 1 : 0;
  }
  EXPECT_GE(covered, 178);  // of 190 expected, four standard deviations fewer
}

// Values of which few are large: a percentile of resampled means holds the mean in 83 % of such cases.
TEST(EstimateMean, CoversTheTruthOfSkewedValues) {
  ThreadPool pool(2);
  int covered = 0;
  for (uint64_t s = 0; s < 300; ++s) {
    std::vector<double> values;
    for (const float v : normal_features(20, 1, 100 + s).values) values.push_back(std::exp(double{v}));
    const MeanEstimate e = estimate_mean(values, {.resamples = 300, .seed = s}, pool, {});
    covered += e.sureness.interval->contains(std::exp(0.5)) ? 1 : 0;
  }
  EXPECT_GE(covered, 264);  // 91 % are expected of bootstrap-t at such a skew, less two standard deviations
}

TEST(EstimateMean, ValuesThatHardlyDifferHaveAnInterval) {
  ThreadPool pool(1);
  std::vector<double> values(12, 1.0);
  const MeanEstimate alike = estimate_mean(values, {}, pool, {});
  EXPECT_EQ(alike.sureness.interval->low, 1);
  EXPECT_EQ(alike.sureness.interval->high, 1);
  values[3] = 2;  // of every third resample nothing but ones comes
  const MeanEstimate one = estimate_mean(values, {}, pool, {});
  EXPECT_TRUE(std::isfinite(one.sureness.interval->low) && std::isfinite(one.sureness.interval->high));
  EXPECT_TRUE(one.sureness.interval->contains(one.mean));
}

TEST(EstimateMean, FewValuesHaveNoInterval) {
  ThreadPool pool(1);
  EXPECT_FALSE(estimate_mean(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9}, {}, pool, {}).sureness.interval);
  const std::vector<double> one{2.0}, none;
  EXPECT_FALSE(estimate_mean(one, {}, pool, {}).sureness.interval);
  EXPECT_ERROR(estimate_mean(none, {}, pool, {}), ErrorKind::InvalidRequest, "mean of nothing");
}

// Nine differences of ten are next to nothing and one is large, on either side: no difference is found where there is
// none more often than 5 % say, and the interval says the same as the test.
TEST(PairedDifference, IsNotFooledByAFewLargeOnes) {
  constexpr int kStudies = 1000;
  constexpr size_t kPairs = 64;
  int found = 0;
  Draws draws(7, 0);
  for (int study = 0; study < kStudies; ++study) {
    std::vector<double> first(kPairs), second(kPairs, 0.5);
    for (size_t i = 0; i < kPairs; ++i) {
      const double size = draws.below(10) == 0 ? 1 : 0.01;
      first[i] = 0.5 + (draws.below(2) == 0 ? size : -size) * (1 + 0.01 * static_cast<double>(draws.below(100)));
    }
    const Sureness s = paired_difference(first, second).sureness;
    found += *s.p_value <= 0.05 ? 1 : 0;
    EXPECT_EQ(*s.p_value > 0.05, s.interval->contains(0)) << study;
  }
  EXPECT_LE(found, kStudies * 0.05 + 3 * std::sqrt(kStudies * 0.05 * 0.95));
  EXPECT_GT(found, 0);
}

TEST(PairedDifference, SeesWhatSetsAloneDoNot) {
  const FeatureMatrix noise = normal_features(50, 1, 5), small = normal_features(50, 1, 6, 0.1f, 0.05f);
  std::vector<double> a(noise.values.begin(), noise.values.end()), b = a;
  for (size_t i = 0; i < a.size(); ++i) a[i] += double{small.values[i]};
  const MeanEstimate difference = paired_difference(a, b);
  EXPECT_GT(difference.sureness.interval->low, 0);
  EXPECT_NEAR(difference.mean, 0.1, 0.03);
  EXPECT_ERROR(paired_difference(a, std::vector<double>(3)), ErrorKind::InvalidRequest, "no pairs");
}

TEST(Bootstrap, StopsWhenAsked) {
  std::atomic<bool> stop = false;
  ThreadPool pool(1);
  const Watch watch{[&](size_t done, size_t) { stop = done >= 3; }, StopToken(&stop)};
  EXPECT_ERROR(bootstrap({.resamples = 100}, pool, watch, [](Draws&) { return 0.0; }), ErrorKind::Cancelled, "stop");
}

TEST(ClipScore, Variants) {
  ThreadPool pool(1);
  const std::vector<double> cosines{0.5, -0.1, 0.3, 0.1};
  const ClipScore s = clip_score(cosines, 2.0, {.resamples = 50}, pool, {});
  EXPECT_NEAR(s.cosine.mean, 0.2, 1e-12);
  EXPECT_NEAR(s.cosine.sureness.standard_error, std::sqrt(0.2 / 3 / 4), 1e-12);  // squares: 0.09, 0.09, 0.01, 0.01
  EXPECT_NEAR(s.torchmetrics, 20, 1e-12);
  EXPECT_NEAR(s.clamped, 22.5, 1e-12);
  EXPECT_NEAR(s.clipscore, 0.5625, 1e-12);
  EXPECT_NEAR(*s.logits, std::exp(2.0) * 0.2, 1e-12);
  const std::vector<double> below{-0.2, -0.4};
  EXPECT_EQ(clip_score(below, {}, {}, pool, {}).torchmetrics, 0);  // the clamp is on the mean
}

TEST(RowCosines, AreCosines) {
  const FeatureMatrix a{2, {3, 4, 1, 0, 0, 0}}, b{2, {4, 3, -2, 0, 1, 1}};
  const std::vector<double> got = row_cosines(a, b);
  EXPECT_NEAR(got[0], 0.96, 1e-12);
  EXPECT_EQ(got[1], -1);
  EXPECT_EQ(got[2], 0);
  EXPECT_ERROR(row_cosines(a, FeatureMatrix{2, {1, 2}}), ErrorKind::InvalidRequest, "no pairs");
}

}  // namespace
}  // namespace newbie::test
