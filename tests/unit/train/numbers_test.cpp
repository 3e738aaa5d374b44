// Schedules, times, trees of sums, and random numbers: the spec's values and the laws behind resuming.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "support/tensors.h"
#include "train/draw.h"
#include "train/lr_schedule.h"
#include "train/objective.h"
#include "train/sum_tree.h"

namespace newbie::test {

TEST(Schedules, AreDiffusers) {
  const auto at = [](LrScheduleKind kind, int64_t k) {
    return LrSchedule{.kind = kind, .warmup = 4, .total = 20}.factor(k);
  };
  using enum LrScheduleKind;
  EXPECT_EQ(at(Constant, 0), 1.0);
  for (LrScheduleKind kind : {ConstantWithWarmup, Linear, Cosine, CosineWithRestarts, Polynomial}) {
    EXPECT_EQ(at(kind, 0), 0.0);  // case 30: the first step of a warmup moves nothing
    EXPECT_EQ(at(kind, 3), 0.75);
    EXPECT_EQ(at(kind, 4), 1.0);
  }
  EXPECT_DOUBLE_EQ(at(Linear, 12), 0.5);
  EXPECT_DOUBLE_EQ(at(Cosine, 12), 0.5);
  EXPECT_NEAR(at(Cosine, 20), 0.0, 1e-15);
  EXPECT_EQ(at(CosineWithRestarts, 20), 0.0);
  EXPECT_EQ(at(ConstantWithWarmup, 19), 1.0);
  const LrSchedule restarts{.kind = CosineWithRestarts, .warmup = 0, .total = 10, .cycles = 2};
  EXPECT_DOUBLE_EQ(restarts.factor(5), 1.0);
  const LrSchedule falling{.kind = Polynomial, .warmup = 0, .total = 10, .last_factor = 1e-3};
  EXPECT_DOUBLE_EQ(falling.factor(5), (1 - 1e-3) * 0.5 + 1e-3);
  EXPECT_DOUBLE_EQ(falling.factor(11), 1e-3);
  EXPECT_EQ(find_lr_schedule("cosine_with_restarts"), CosineWithRestarts);
  EXPECT_EQ(find_lr_schedule("cosine_with"), std::nullopt);
}

// Case 21: spec/training.md §1.2.
TEST(Times, AreShiftedTowardsNoise) {
  const auto mu_of = [](int64_t resolution) { return shift_mu((resolution / 16) * (resolution / 16)); };
  EXPECT_DOUBLE_EQ(mu_of(256), 0.5);
  EXPECT_DOUBLE_EQ(mu_of(512), 0.63);
  EXPECT_NEAR(mu_of(768), 0.846667, 1e-6);
  EXPECT_DOUBLE_EQ(mu_of(1024), 1.15);
  EXPECT_NEAR(mu_of(1536), 2.016667, 1e-6);
  EXPECT_NEAR(std::exp(mu_of(1024)), 3.1582, 1e-4);
  const double want[] = {0.104331, 0.240489, 0.462570};
  for (int u : {-1, 0, 1}) EXPECT_NEAR(shifted_time(1.0 / (1.0 + std::exp(-u)), mu_of(1024)), want[u + 1], 1e-6);
  EXPECT_EQ(shifted_time(1.0, 1.15), 1.0);
  EXPECT_NEAR(shifted_time(0.0, 1.15), 0.0, 1e-15);
}

// Case 22: another size, another shift.
TEST(Times, OfABucketAreItsOwn) {
  const TimeOptions options;
  EXPECT_NE(draw_time(options, 42, 7, 1024), draw_time(options, 42, 7, 32 * 40));
  EXPECT_EQ(draw_time(options, 42, 7, 1024), draw_time(options, 42, 7, 1024));
  double mean = 0;
  for (uint64_t i = 0; i < 4000; ++i) mean += draw_time({.shift = false}, 42, i, 1024) / 4000;
  EXPECT_NEAR(mean, 0.5, 6 * 0.21 / std::sqrt(4000.0));  // σ(u), u ~ N(0, 1), has a deviation of 0.208
}

TEST(Flow, GoesFromNoiseToData) {
  const std::vector<float> data{1.0f, 2.0f}, noise{-1.0f, 4.0f};
  const FlowSample s = flow_sample(data, noise, 0.25);
  EXPECT_THAT(s.noisy, ::testing::ElementsAre(-0.5f, 3.5f));
  EXPECT_THAT(s.target, ::testing::ElementsAre(2.0f, -2.0f));
}

// Case 31: n samples give the same bytes whatever computed them; the tree is that of tree_sum.
TEST(SumTree, IsAFixedTreeOverTheIndex) {
  for (int64_t count = 1; count <= 17; ++count) {
    SumTree tree;
    std::vector<double> numbers;
    std::vector<std::vector<float>> samples;
    for (int64_t i = 0; i < count; ++i) {
      samples.push_back(random_tensor({5}, static_cast<uint64_t>(i) + 1).values);
      tree.add({samples.back()});
    }
    EXPECT_EQ(tree.count(), count);
    const Tensors32 sum = tree.take();
    const std::function<float(int64_t, int64_t, size_t)> fold = [&](int64_t first, int64_t n, size_t i) -> float {
      if (n == 1) return samples[static_cast<size_t>(first)][i];
      int64_t left = 1;
      while (2 * left < n) left *= 2;
      return fold(first, left, i) + fold(first + left, n - left, i);
    };
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(sum[0][i], fold(0, count, i)) << count;
    for (int64_t i = 0; i < count; ++i) numbers.push_back(static_cast<double>(i) + 0.1);
    EXPECT_NEAR(tree_sum(numbers), static_cast<double>(count * (count - 1)) / 2 + 0.1 * static_cast<double>(count),
                1e-9);
    EXPECT_EQ(tree.count(), 0);
  }
  EXPECT_TRUE(SumTree().take().empty());
}

TEST(Draw, IsAFunctionOfSeedUseAndNumber) {
  Draw a(42, DrawFor::Noise, 3), b(42, DrawFor::Noise, 3), other(42, DrawFor::Noise, 4), time(42, DrawFor::Time, 3);
  const uint64_t first = a.bits();
  EXPECT_EQ(first, b.bits());
  EXPECT_NE(first, other.bits());
  EXPECT_NE(first, time.bits());
  std::vector<float> x(20000);
  Draw(1, DrawFor::Noise, 0).normal(x);
  double mean = 0, square = 0;
  for (float v : x) {
    mean += static_cast<double>(v) / 20000;
    square += static_cast<double>(v) * static_cast<double>(v) / 20000;
  }
  EXPECT_NEAR(mean, 0.0, 6 / std::sqrt(20000.0));
  EXPECT_NEAR(square, 1.0, 6 * std::sqrt(2.0 / 20000.0));
  Draw d(9, DrawFor::Order, 0);
  std::vector<int> seen(7, 0);
  for (int i = 0; i < 7000; ++i) ++seen[d.below(7)];
  for (int n : seen) EXPECT_NEAR(n, 1000, 6 * std::sqrt(1000.0));
}

}  // namespace newbie::test
