#include "adapters/extract.h"

#include <gtest/gtest.h>

#include <cmath>

#include "adapters/change.h"
#include "support/tensors.h"
#include "unit/adapters/made_changes.h"
#include "unit/core/expect_error.h"

namespace newbie::test {
namespace {

// ‖a − up · down‖ / ‖a‖, in double.
double distance(const DerivedTensor& a, const LowRankApproximation& near) {
  const MadeMatrix want = matrix_of(a), got = product(matrix_of(near.up), matrix_of(near.down));
  double error = 0, all = 0;
  for (size_t i = 0; i < want.values.size(); ++i) {
    error += (want.values[i] - got.values[i]) * (want.values[i] - got.values[i]);
    all += want.values[i] * want.values[i];
  }
  return std::sqrt(error / all);
}

TEST(LowRankNear, IsExactWhereTheRankIsEnough) {
  ThreadPool threads(2);
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{90, 40}, {40, 90}, {3, 70}}) {
    const AdapterChange change{
        .shape = {rows, columns}, .rows = rows, .factors = {made({3, columns}, 1), made({rows, 3}, 2)}};
    const DerivedTensor delta = delta_tensor(change);
    for (const int64_t rank : {3, 5}) {
      const LowRankApproximation near = low_rank_near(delta, rank, threads);
      EXPECT_LT(distance(delta, near), 1e-6);
      EXPECT_NEAR(near.error, distance(delta, near), 1e-7);
      EXPECT_EQ(near.down.spec.shape, (Shape{std::min<int64_t>({rank, rows, columns}), columns}));
    }
    EXPECT_GT(low_rank_near(delta, 1, threads).error, 0.1);
  }
}

// A matrix with the singular values 2⁻ᵏ: the nearest of rank r leaves the rest of them.
TEST(LowRankNear, LeavesTheSmallestSingularValues) {
  constexpr int64_t kSize = 60;
  Tensor diagonal{{kSize, kSize}, std::vector<float>(kSize * kSize)};
  double all = 0;
  for (int64_t i = 0; i < kSize; ++i) {
    const double value = std::pow(0.8, static_cast<double>(i));
    diagonal.values[static_cast<size_t>(i * kSize + (i * 7) % kSize)] = static_cast<float>(value);
    all += value * value;
  }
  const DerivedTensor delta = held_tensor(diagonal.shape, diagonal.values);
  ThreadPool threads(1);
  for (const int64_t rank : {1, 4, 16}) {
    double left = 0;
    for (int64_t i = rank; i < kSize; ++i) left += std::pow(0.8, 2.0 * static_cast<double>(i));
    const double best = std::sqrt(left / all), got = low_rank_near(delta, rank, threads).error;
    EXPECT_GE(got, best * (1 - 1e-5)) << "nothing is nearer";
    EXPECT_LE(got, best * 1.01);
  }
}

TEST(LowRankNear, IsTheSameForAnyNumberOfThreads) {
  const DerivedTensor delta = made({70, 130}, 5);
  ThreadPool one(1), three(3);
  EXPECT_EQ(values_of(low_rank_near(delta, 8, one).up), values_of(low_rank_near(delta, 8, three).up));
  const LowRankApproximation zero = low_rank_near(held_tensor({4, 5}, std::vector<float>(20)), 2, one);
  EXPECT_EQ(zero.error, 0);
  EXPECT_EQ(values_of(zero.up), std::vector<float>(8));
}

TEST(ExtractAdapter, FindsWhatDiffers) {
  WeightStore from, to, other;
  AdapterChange lora = made_change(ChangeKind::LowRank, {12, 10}, 0, 12, 3);
  const DerivedTensor matrix = made({12, 10}, 1), vector = made({12}, 2), same = made({4, 4}, 4);
  for (WeightStore* store : {&from, &to}) store->add_derived("same", same);
  from.add_derived("matrix", matrix);
  from.add_derived("vector", vector);
  to.add_derived("matrix", changed_weight(matrix, {{lora, 1}}));
  AdapterChange shift = made_change(ChangeKind::Difference, {12}, 0, 12, 6);
  to.add_derived("vector", changed_weight(vector, {{shift, 1}}));
  ThreadPool threads(2);

  std::vector<std::string> told;
  Extraction how{.rank = 3, .on_weight = [&](const std::string& weight, double) { told.push_back(weight); }};
  const Extracted low = extract_adapter(AdapterPart::Transformer, from, to, how, threads);
  EXPECT_EQ(told, (std::vector<std::string>{"matrix", "vector"}));
  EXPECT_EQ(low.unchanged, 1u);
  EXPECT_LT(low.error, 1e-6);
  ASSERT_EQ(low.changes.size(), 2u);
  EXPECT_EQ(low.changes[0].kind, ChangeKind::LowRank);
  EXPECT_EQ(low.changes[1].kind, ChangeKind::Difference);
  for (const AdapterChange& change : low.changes) {
    const std::vector<float> want = values_of(to.tensor(change.weight)),
                             got = values_of(changed_weight(from.tensor(change.weight), {{change, 1}}));
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5);
  }
  const Extracted whole = extract_adapter(AdapterPart::Transformer, from, to, {}, threads);
  EXPECT_EQ(whole.changes[0].kind, ChangeKind::Difference);
  EXPECT_EQ(whole.error, 0);

  other.add_derived("matrix", made({12, 9}, 1));
  EXPECT_ERROR(extract_adapter(AdapterPart::Transformer, from, other, {}, threads), ErrorKind::BadFile,
               "expected it in both models with one shape");
}

}  // namespace
}  // namespace newbie::test
