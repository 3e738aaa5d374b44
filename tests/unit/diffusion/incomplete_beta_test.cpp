// The incomplete beta function against closed forms, and its inverse against itself.
#include "diffusion/incomplete_beta.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace newbie {
namespace {

constexpr double kTolerance = 1e-14;  // a few tens of roundings of numbers up to 1

TEST(IncompleteBeta, EqualsClosedForms) {
  for (double x = 0; x <= 1; x += 1.0 / 64) {
    EXPECT_NEAR(regularized_incomplete_beta(x, 1, 1), x, kTolerance);
    EXPECT_NEAR(regularized_incomplete_beta(x, 2, 1), x * x, kTolerance);
    EXPECT_NEAR(regularized_incomplete_beta(x, 1, 3), 1 - std::pow(1 - x, 3), kTolerance);
    EXPECT_NEAR(regularized_incomplete_beta(x, 0.5, 0.5), 2 / std::numbers::pi * std::asin(std::sqrt(x)), kTolerance);
  }
}

TEST(IncompleteBeta, IsSymmetric) {
  for (double x = 1.0 / 128; x < 1; x += 1.0 / 128)
    EXPECT_NEAR(regularized_incomplete_beta(x, 0.6, 0.6) + regularized_incomplete_beta(1 - x, 0.6, 0.6), 1, kTolerance);
}

TEST(IncompleteBeta, TheInverseInverts) {
  for (const auto& [a, b] : {std::pair{0.6, 0.6}, {1.0, 1.0}, {2.0, 5.0}, {0.3, 1.7}})
    for (double p = 1.0 / 512; p < 1; p += 1.0 / 512) {
      const double x = inverse_incomplete_beta(p, a, b);
      EXPECT_NEAR(regularized_incomplete_beta(x, a, b), p, 2 * kTolerance) << a << " " << b;
    }
}

TEST(IncompleteBeta, TheInverseIsExactAtTheEndsAndTheMiddle) {
  EXPECT_EQ(inverse_incomplete_beta(0, 0.6, 0.6), 0);
  EXPECT_EQ(inverse_incomplete_beta(1, 0.6, 0.6), 1);
  EXPECT_EQ(inverse_incomplete_beta(0.5, 0.6, 0.6), 0.5);
}

}  // namespace
}  // namespace newbie
