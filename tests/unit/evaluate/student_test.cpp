// Student's t against tables (Fisher and Yates) and closed forms.
#include "evaluate/student.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "unit/core/expect_error.h"

namespace newbie::test {
namespace {

TEST(Student, HasTheQuantilesOfTables) {
  EXPECT_NEAR(student_quantile(0.975, 1), 12.7062, 5e-5);
  EXPECT_NEAR(student_quantile(0.975, 9), 2.26216, 5e-6);
  EXPECT_NEAR(student_quantile(0.975, 19), 2.09302, 5e-6);
  EXPECT_NEAR(student_quantile(0.8, 30), 0.853767, 5e-7);
  EXPECT_NEAR(student_quantile(0.025, 9), -2.26216, 5e-6);
  EXPECT_NEAR(student_quantile(0.975, 1e7), 1.959964, 5e-6);
  EXPECT_NEAR(normal_quantile(0.975), 1.959964, 5e-7);
  EXPECT_NEAR(normal_quantile(0.2), -0.841621, 5e-7);
  EXPECT_EQ(student_quantile(0.5, 7), 0);
}

TEST(Student, EqualsItsClosedForms) {
  for (const double t : {-3.0, -0.5, 0.0, 0.1, 2.0, 40.0}) {
    EXPECT_NEAR(student_cdf(t, 1), 0.5 + std::atan(t) / std::numbers::pi, 1e-14) << t;
    EXPECT_NEAR(student_cdf(t, 2), 0.5 + t / (2 * std::sqrt(2 + t * t)), 1e-14) << t;
  }
}

TEST(Student, DetectableDifferences) {
  EXPECT_NEAR(detectable_errors(1000000), 1.959964 + 0.841621, 1e-4);
  EXPECT_GT(detectable_errors(10), detectable_errors(20));
  EXPECT_TRUE(std::isinf(detectable_errors(1)));
}

TEST(Student, RefusesWhatIsNoShare) {
  EXPECT_ERROR(student_quantile(1, 5), ErrorKind::InvalidRequest, "share");
  EXPECT_ERROR(student_quantile(0.5, 0), ErrorKind::InvalidRequest, "degrees");
  EXPECT_ERROR(normal_quantile(std::nan("")), ErrorKind::InvalidRequest, "share");
}

}  // namespace
}  // namespace newbie::test
