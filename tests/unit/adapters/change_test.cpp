#include "adapters/change.h"

#include <gtest/gtest.h>

#include "support/close.h"
#include "unit/adapters/made_changes.h"

namespace newbie::test {
namespace {

constexpr ChangeKind kKinds[] = {ChangeKind::LowRank, ChangeKind::Kronecker, ChangeKind::Hadamard,
                                 ChangeKind::Difference, ChangeKind::Replacement};
const Shape kShape{12, 10};

// Every element is a sum of fewer than 64 products of numbers that are near 1 in f32.
void expect_close(const DerivedTensor& got, const MadeMatrix& want) {
  const std::vector<float> values = values_of(got);
  ASSERT_EQ(values.size(), want.values.size());
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], want.values[i], gamma(64, DType::F32) * (4 + std::abs(want.values[i]))) << i;
}

void expect_any_cut(const DerivedTensor& tensor) {
  const std::vector<float> all = values_of(tensor);
  for (const size_t first : {size_t{0}, size_t{1}, all.size() / 3, all.size() - 1})
    for (const size_t count : {size_t{1}, size_t{7}, size_t{10}, size_t{23}}) {
      std::vector<float> piece(std::min(count, all.size() - first));
      tensor.fill(first, piece);
      EXPECT_TRUE(std::equal(piece.begin(), piece.end(), all.begin() + static_cast<std::ptrdiff_t>(first)))
          << first << " + " << count;
    }
}

TEST(AdapterChange, EveryKindIsItsFormula) {
  const DerivedTensor base = made(kShape, 1);
  for (const ChangeKind kind : kKinds)
    for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 12}, {4, 6}})
      for (const double strength : {1.0, -0.7}) {
        SCOPED_TRACE(fmt::format("{}, rows from {}, strength {}", to_string(kind), first, strength));
        const AppliedChange change{made_change(kind, kShape, first, rows, 5), strength};
        MadeMatrix want = matrix_of(base);
        change_in_double(want, change);
        const DerivedTensor got = changed_weight(base, {change});
        expect_close(got, want);
        expect_any_cut(got);
        MadeMatrix difference{rows, 10, {}};
        const MadeMatrix before = matrix_of(base);
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < 10; ++c) difference.values.push_back(want.at(first + r, c) - before.at(first + r, c));
        expect_close(last_difference(base, {change}), difference);
        if (kind == ChangeKind::Replacement) continue;
        MadeMatrix delta = delta_of(change.change);
        for (double& value : delta.values) value *= change.change.scale;
        expect_close(delta_tensor(change.change), delta);
        expect_any_cut(delta_tensor(change.change));
      }
}

TEST(AdapterChange, VectorsChangeToo) {
  const DerivedTensor base = made({12}, 1);
  for (const ChangeKind kind : {ChangeKind::Difference, ChangeKind::Replacement}) {
    const AppliedChange change{made_change(kind, {12}, 3, 5, 9), 0.25};
    MadeMatrix want = matrix_of(base);
    change_in_double(want, change);
    expect_close(changed_weight(base, {change}), want);
  }
}

TEST(AdapterChange, MagnitudesScaleRowsOrColumnsOfTheSum) {
  const DerivedTensor base = made(kShape, 1);
  for (const ChangeKind kind : {ChangeKind::LowRank, ChangeKind::Kronecker})
    for (const bool by_input : {false, true}) {
      AppliedChange change{made_change(kind, kShape, 2, 8, 5), 0.6};
      change.change.magnitude = Magnitude{made({by_input ? 10 : 8}, 77, 0.2f, 3), by_input};
      MadeMatrix want = matrix_of(base);
      change_in_double(want, change);
      const DerivedTensor got = changed_weight(base, {change});
      expect_close(got, want);
      expect_any_cut(got);
    }
}

TEST(AdapterChange, RowFactorsAreMagnitudeOverNorm) {
  const DerivedTensor base = made(kShape, 1);
  AdapterChange change = made_change(ChangeKind::LowRank, kShape, 2, 8, 5);
  change.magnitude = Magnitude{made({8}, 77, 0.2f, 3)};
  const std::vector<float> factors = values_of(last_row_factors(base, {{change, 1}}));
  const std::vector<float> after = values_of(changed_weight(base, {{change, 1}}));
  change.magnitude.reset();
  const std::vector<float> sum = values_of(changed_weight(base, {{change, 1}}));
  for (size_t r = 0; r < 8; ++r)
    for (size_t c = 0; c < 10; ++c) {
      const size_t i = (r + 2) * 10 + c;
      EXPECT_NEAR(after[i], factors[r] * sum[i], gamma(8, DType::F32) * (4 + std::abs(after[i])));
    }
}

TEST(AdapterChange, TheListedOrderDefines) {
  const DerivedTensor base = made(kShape, 1);
  std::vector<AppliedChange> changes{{made_change(ChangeKind::LowRank, kShape, 0, 12, 5), 1},
                                     {made_change(ChangeKind::LowRank, kShape, 0, 12, 6), 0.5},
                                     {made_change(ChangeKind::Replacement, kShape, 2, 4, 7), 0.5},
                                     {made_change(ChangeKind::Hadamard, kShape, 0, 12, 8), 0.9}};
  changes[1].change.magnitude = Magnitude{made({12}, 77, 0.2f, 3)};
  MadeMatrix forwards = matrix_of(base), backwards = matrix_of(base);
  for (const AppliedChange& change : changes) change_in_double(forwards, change);
  expect_close(changed_weight(base, changes), forwards);
  std::reverse(changes.begin(), changes.end());
  for (const AppliedChange& change : changes) change_in_double(backwards, change);
  expect_close(changed_weight(base, changes), backwards);
  double apart = 0;
  for (size_t i = 0; i < forwards.values.size(); ++i)
    apart = std::max(apart, std::abs(forwards.values[i] - backwards.values[i]));
  EXPECT_GT(apart, 0.01);
}

TEST(AdapterChange, LowRankChangesJoinToOne) {
  const DerivedTensor base = held_tensor(kShape, std::vector<float>(120));
  const std::vector<AppliedChange> changes{{made_change(ChangeKind::LowRank, kShape, 0, 4, 5), 1},
                                           {made_change(ChangeKind::LowRank, kShape, 4, 8, 6), 0.5},
                                           {made_change(ChangeKind::LowRank, kShape, 0, 12, 7), -2}};
  const LowRankFactors joined = join_low_rank(changes);
  expect_any_cut(joined.down);
  expect_any_cut(joined.up);
  EXPECT_EQ(joined.down.spec.shape, (Shape{9, 10}));
  AdapterChange one{.weight = "w", .shape = kShape, .rows = 12, .factors = {joined.down, joined.up}};
  MadeMatrix want = matrix_of(base);
  for (const AppliedChange& change : changes) change_in_double(want, change);
  expect_close(changed_weight(base, {{one, 1}}), want);
}

}  // namespace
}  // namespace newbie::test
