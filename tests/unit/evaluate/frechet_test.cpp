// The Fréchet distance: known Gaussians, both forms, and what public code gives.
#include "evaluate/frechet.h"

#include <gtest/gtest.h>

#include <cmath>

#include "evaluate/set_distance.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"
#include "unit/evaluate/made_features.h"

namespace newbie::test {
namespace {

// Rows with the mean and the covariance diag(deviation²) exactly: ±√((N−1)/2)·deviation along one axis at a time, N
// being twice the axes.
FeatureMatrix diagonal_gaussian(const std::vector<float>& mean, const std::vector<float>& deviation) {
  const size_t d = mean.size();
  FeatureMatrix out{.columns = d, .values = {}};
  const double reach = std::sqrt((2.0 * static_cast<double>(d) - 1.0) / 2.0);
  for (size_t axis = 0; axis < d; ++axis)
    for (const double sign : {1.0, -1.0})
      for (size_t i = 0; i < d; ++i)
        out.values.push_back(
            static_cast<float>(double{mean[i]} + (i == axis ? sign * reach * double{deviation[i]} : 0.0)));
  return out;
}

TEST(Frechet, OneDimensionalGaussians) {
  // (m₁ − m₂)² + (s₁ − s₂)²
  const FeatureMatrix a = diagonal_gaussian({1.0f}, {2.0f}), b = diagonal_gaussian({-0.5f}, {0.5f});
  EXPECT_NEAR(frechet_distance(a, b).value, 1.5 * 1.5 + 1.5 * 1.5, 1e-6);
}

TEST(Frechet, CommutingCovariances) {
  const FeatureMatrix a = diagonal_gaussian({0, 1, 2, 3}, {1, 2, 3, 4}),
                      b = diagonal_gaussian({0, 0, 2, 5}, {2, 2, 1, 0.5f});
  const double want = (0 + 1 + 0 + 4) + (1 + 0 + 4 + 3.5 * 3.5);
  const FrechetDistance got = frechet_distance(a, b);
  EXPECT_FALSE(got.gram);
  EXPECT_NEAR(got.value, want, 1e-5);
}

TEST(Frechet, ASetIsAtNoDistanceFromItself) {
  for (const size_t rows : {10u, 64u, 400u}) {
    const FeatureMatrix a = normal_features(rows, 64, 7, 0.5f);
    EXPECT_NEAR(frechet_distance(a, a).value, 0, 1e-6) << rows;
  }
}

TEST(Frechet, IsSymmetricInEveryForm) {
  for (const auto& [n, m] : {std::pair{20u, 30u}, {20u, 200u}, {150u, 200u}}) {
    const FeatureMatrix a = normal_features(n, 48, 1), b = normal_features(m, 48, 2, 0.25f, 1.5f);
    const double there = frechet_distance(a, b).value;
    EXPECT_NEAR(frechet_distance(b, a).value, there, 1e-9 * there);
  }
}

// A singular set whose rows stand twice has the same covariance, but so many rows that the other form is taken.
TEST(Frechet, GramFormEqualsTheCovarianceForm) {
  const FeatureMatrix a = normal_features(30, 40, 11), b = normal_features(35, 40, 12, 0.5f, 2.0f);
  const auto repeated = [](const FeatureMatrix& set) {
    FeatureMatrix out = set;
    out.values.insert(out.values.end(), set.values.begin(), set.values.end());
    return out;
  };
  const RowCounts twice_a(a.rows(), 2), twice_b(b.rows(), 2);
  const FrechetDistance gram = frechet_distance(a, b, twice_a, twice_b),
                        covariance = frechet_distance(repeated(a), repeated(b));
  EXPECT_TRUE(gram.gram);
  EXPECT_FALSE(covariance.gram);
  // Eigenvalues that should be 0 are ε · λ, and there are ten of their roots.
  EXPECT_NEAR(covariance.value, gram.value, 1e-6 * gram.value);
  // One side singular, the other not.
  EXPECT_NEAR(frechet_distance(repeated(a), b, {}, twice_b).value, gram.value, 1e-6 * gram.value);
}

TEST(Frechet, EqualsPublicCode) {
  const Json goldens = golden_json("evaluate.json");
  ASSERT_EQ(goldens.at("distances").size(), 4u);
  for (const Json& row : goldens.at("distances")) {
    const auto set = [&](const char* side) {
      const Json& s = row.at(side);
      return normal_features(s[1], row.at("columns"), s[0], s[2], s[3]);
    };
    const FeatureMatrix a = set("a"), b = set("b");
    const double want = row.at("fid");
    // Theirs takes eigenvalues of the product, which costs digits when it is singular: √ε · the largest, for each.
    const FrechetDistance got = frechet_distance(a, b);
    EXPECT_NEAR(got.value, want, (got.gram ? 1e-4 : 1e-6) * want) << row.dump();
  }
}

TEST(Frechet, RefusesWhatHasNoDistance) {
  const FeatureMatrix one = normal_features(1, 32, 1), two = normal_features(2, 32, 1),
                      other = normal_features(2, 16, 1);
  FeatureMatrix broken = two;
  broken.values[40] = std::nanf("");
  EXPECT_ERROR(frechet_distance(one, two), ErrorKind::InvalidRequest, "2 or more");
  EXPECT_ERROR(frechet_distance(two, other), ErrorKind::InvalidRequest, "cannot be compared");
  EXPECT_ERROR(frechet_distance(two, broken), ErrorKind::InvalidRequest, "row 1");
  EXPECT_ERROR(frechet_distance(two, two, {1}), ErrorKind::InvalidRequest, "counts");
}

TEST(FrechetReport, IsOfItsExpectationAndTellsWhereItGoes) {
  const FeatureMatrix a = normal_features(60, 32, 21), b = normal_features(80, 32, 22, 0.5f);
  ThreadPool pool(2);
  const SetDistance d = frechet_report(a, b, Sets::Independent, {.resamples = 120, .splits = 5, .seed = 3}, pool, {});
  ASSERT_TRUE(d.sureness.interval && d.split_half && d.extrapolated);
  EXPECT_TRUE(d.sureness.interval->contains(d.value));
  EXPECT_LT(*d.extrapolated, d.value);  // fewer rows look farther apart
  EXPECT_EQ(d.half_rows, 40u);
  EXPECT_EQ(std::tuple(d.rows_a, d.rows_b, d.dimension, d.gram), std::tuple(60u, 80u, 32u, false));
  const SetDistance few =
      frechet_report(normal_features(19, 32, 1), b, Sets::Independent, {.resamples = 120, .splits = 5}, pool, {});
  EXPECT_FALSE(few.sureness.interval || few.extrapolated);
}

// With rows far more than dimensions, the extrapolation takes most of the bias off: 32 · 0.25 apart.
TEST(FrechetReport, ExtrapolationIsNearTheTruth) {
  ThreadPool pool(2);
  std::vector<double> values, extrapolated;
  for (uint64_t s = 0; s < 20; ++s) {
    const SetDistance d = frechet_report(normal_features(200, 8, 100 + s), normal_features(200, 8, 200 + s, 0.5f),
                                         Sets::Independent, {.resamples = 30, .splits = 0, .seed = s}, pool, {});
    values.push_back(d.value);
    extrapolated.push_back(*d.extrapolated);
  }
  constexpr double kTruth = 8 * 0.25;
  EXPECT_LT(std::abs(spread_of(extrapolated).mean - kTruth), std::abs(spread_of(values).mean - kTruth));
  EXPECT_LT(std::abs(spread_of(extrapolated).mean - kTruth), 4 * spread_of(extrapolated).deviation / std::sqrt(20.0));
}

TEST(FrechetReport, PairsAreDividedTogether) {
  const FeatureMatrix a = normal_features(60, 8, 21);
  FeatureMatrix b = a;
  for (float& v : b.values) v += 0.5f;
  ThreadPool pool(2);
  const SetDistance d = frechet_report(a, b, Sets::Paired, {.resamples = 60, .splits = 0}, pool, {});
  // Every part is as far from its counterpart as the whole is: 8 · 0.25, to the rounding of features.
  EXPECT_NEAR(d.value, 2, 1e-4);
  EXPECT_LT(d.sureness.standard_error, 1e-4);
  EXPECT_FALSE(d.sureness.interval);
  EXPECT_NEAR(*d.sureness.p_value, 1.0 / 61, 1e-9) << "no exchange of pairs is as far apart";
  EXPECT_THROW(frechet_report(a, normal_features(59, 8, 1), Sets::Paired, {}, pool, {}), Error);
}

TEST(FrechetReport, IsTheSameForAnyNumberOfThreads) {
  const FeatureMatrix a = normal_features(20, 16, 21), b = normal_features(25, 16, 22);
  ThreadPool one(1), three(3);
  const DistanceOptions options{.resamples = 20, .splits = 4, .seed = 9};
  const SetDistance x = frechet_report(a, b, Sets::Independent, options, one, {}),
                    y = frechet_report(a, b, Sets::Independent, options, three, {});
  EXPECT_EQ(x.sureness.interval->low, y.sureness.interval->low);
  EXPECT_EQ(x.sureness.interval->high, y.sureness.interval->high);
  EXPECT_EQ(x.split_half->mean, y.split_half->mean);
  const SetDistance other =
      frechet_report(a, b, Sets::Independent, {.resamples = 20, .splits = 4, .seed = 10}, one, {});
  EXPECT_NE(x.sureness.interval->low, other.sureness.interval->low);
}

}  // namespace
}  // namespace newbie::test
