// Grids equal the reference's (grids.json), and their laws (spec/sampling.md §2).
#include "diffusion/schedules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "core/files.h"
#include "core/json.h"
#include "unit/core/expect_error.h"

namespace newbie {
namespace {

std::vector<double> golden_grid(const std::string& name) {
  const auto path = std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/golden/data/grids.json";
  return parse_json(read_file(path, 1 << 20), "grids.json").at(name).get<std::vector<double>>();
}

struct GoldenCase {
  const char* golden;
  const char* schedule;
  int steps;
  double doubles_of_one;  // 0: equal to the bit; else the rounding of a few operations in double
};

constexpr double kEps = std::numeric_limits<double>::epsilon();

TEST(Schedules, EqualTheReference) {
  for (const GoldenCase& c :
       {GoldenCase{"flow_euler_28", "flow_euler", 28, 0}, GoldenCase{"comfy_simple_20", "simple", 20, 0},
        GoldenCase{"comfy_normal_20", "normal", 20, 0}, GoldenCase{"comfy_sgm_uniform_20", "sgm_uniform", 20, 0},
        GoldenCase{"comfy_beta_20", "beta", 20, 0}, GoldenCase{"comfy_linear_quadratic_20", "linear_quadratic", 20, 4},
        GoldenCase{"dpm_20", "dpm", 20, 4}}) {
    const std::vector<double> want = golden_grid(c.golden), got = make_sigmas(c.schedule, c.steps);
    ASSERT_EQ(got.size(), want.size()) << c.schedule;
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_LE(std::abs(got[i] - want[i]), c.doubles_of_one * kEps) << c.schedule << " at " << i;
  }
}

TEST(Schedules, OfficialCountsPointsAndKeepsTheTimesOfTheReference) {
  const std::vector<double> times = golden_grid("official_18"), sigmas = make_sigmas("official", 18);
  ASSERT_EQ(sigmas.size(), 18u);
  for (size_t i = 0; i < sigmas.size(); ++i) EXPECT_EQ(1 - sigmas[i], times[i]) << i;
}

// The rows printed in spec/sampling.md, to their printed digits.
TEST(Schedules, EqualTheRowsOfTheSpecification) {
  const auto expect_row = [](const char* name, int steps, double shift, const std::vector<double>& want, double digit) {
    const std::vector<double> got = make_sigmas(name, steps, {.shift = shift});
    ASSERT_EQ(got.size(), want.size()) << name;
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], digit / 2 * 1.01) << name << " at " << i;
  };
  expect_row("flow_euler_double", 5, 6, {1, .947765, .858599, .671921, .034783, 0}, 1e-6);
  expect_row("flow_euler_double", 5, 1, {1, .75025, .5005, .25075, .001, 0}, 1e-6);
  expect_row("flow_euler", 10, 6, {1, .981818, .96, .933333, .9, .857143, .8, .72, .6, .4, 0}, 1e-6);
  expect_row("dpm", 10, 6,
             {.999833, .981640, .959808, .933126, .899775, .856898, .799733, .719712, .599700, .399733, 0}, 1e-6);
  // 6 u^1.25 / (1 + 5 u^1.25)
  expect_row("few_steps", 7, 6, {1, .965794, .919842, .855580, .761051, .613043, .366165, 0}, 1e-6);
  // 6 u^1.5 / (1 + 5 u^1.5)
  expect_row("many_steps", 7, 6, {1, .958444, .901374, .820229, .700589, .519575, .255099, 0}, 1e-6);
  expect_row("linear_quadratic", 8, 6, {1, .99375, .9875, .98125, .975, .90938, .725, .42188, 0}, 1e-5);
}

TEST(Schedules, WalkableForEveryNumberOfStepsThatPeopleUse) {
  for (const Schedule& s : schedules())
    for (const double shift : {0.01, 0.5, 1.0, 3.3, 6.0, 100.0})
      for (const int steps : {1, 2, 3, 4, 7, 20, 49, 98, 250}) {
        if (steps < s.min_steps) continue;
        const std::vector<double> sigmas = make_sigmas(s.name, steps, {.shift = shift});
        const int intervals = static_cast<int>(sigmas.size()) - 1;
        if (s.name == "beta") {
          EXPECT_LE(intervals, steps);
        } else {
          EXPECT_EQ(intervals, s.name == "official" ? steps - 1 : steps) << s.name;
        }
        EXPECT_EQ(sigmas.back(), 0) << s.name;
        EXPECT_GT(sigmas.front(), s.name == "dpm" ? 0.5 : 0.9999) << s.name << " " << shift;
      }
}

TEST(Schedules, TheShiftMovesStepsToTheNoise) {
  for (const Schedule& s : schedules()) {
    const double low = make_sigmas(s.name, 9, {.shift = 1})[4], high = make_sigmas(s.name, 9, {.shift = 6})[4];
    if (s.name == "linear_quadratic") {
      EXPECT_EQ(low, high);
    } else {
      EXPECT_LT(low, high) << s.name;
    }
  }
}

TEST(Schedules, TheMostStepsAreWalkableOrRefusedWithAReason) {
  for (const char* name :
       {"official", "flow_euler", "few_steps", "many_steps", "flow_euler_double", "dpm", "normal", "sgm_uniform"})
    EXPECT_GE(make_sigmas(name, kMaxSteps).size(), size_t{kMaxSteps}) << name;
  EXPECT_EQ(make_sigmas("simple", 1000).size(), 1001u);
  EXPECT_ERROR(make_sigmas("simple", 1001), ErrorKind::InvalidRequest,
               "expected 1 to 1000 with schedule simple, got 1001");
}

TEST(Schedules, RefuseWhatIsOutOfRange) {
  EXPECT_ERROR(make_sigmas("simple", 0), ErrorKind::InvalidRequest,
               "steps: expected 1 to 1000 with schedule simple, got 0");
  EXPECT_ERROR(make_sigmas("simple", -5), ErrorKind::InvalidRequest, "got -5");
  EXPECT_ERROR(make_sigmas("official", 1), ErrorKind::InvalidRequest,
               "steps: expected 2 to 10000 with schedule official, got 1");
  EXPECT_ERROR(make_sigmas("dpm", 10001), ErrorKind::InvalidRequest, "got 10001");
  for (const double shift : {0.0, -1.0, 100.5, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_ERROR(make_sigmas("simple", 20, {.shift = shift}), ErrorKind::InvalidRequest, "shift");
  try {
    make_sigmas("karras", 20);
    ADD_FAILURE() << "an unknown schedule was accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::InvalidRequest);
    for (const Schedule& s : schedules()) EXPECT_THAT(e.hint(), testing::HasSubstr(std::string(s.name)));
  }
}

TEST(Schedules, SigmasByHandAreChecked) {
  const auto check = [](std::vector<double> sigmas) { check_sigmas(sigmas, "--sigmas"); };
  EXPECT_NO_THROW(check({1, 0.5, 0}));
  EXPECT_NO_THROW(check({0.6, 0.1}));  // img2img start, some noise left
  EXPECT_ERROR(check({}), ErrorKind::InvalidRequest, "--sigmas: 0 sigmas");
  EXPECT_ERROR(check({1}), ErrorKind::InvalidRequest, "1 sigmas");
  EXPECT_ERROR(check({1.1, 0}), ErrorKind::InvalidRequest, "sigma 0 is 1.1");
  EXPECT_ERROR(check({1, -0.1}), ErrorKind::InvalidRequest, "sigma 1 is -0.1");
  EXPECT_ERROR(check({1, 0.5, 0.5, 0}), ErrorKind::InvalidRequest, "sigma 2 is 0.5, not below");
  EXPECT_ERROR(check({1, std::nan(""), 0}), ErrorKind::InvalidRequest, "sigma 1 is nan");
  EXPECT_ERROR(check(std::vector<double>(kMaxSteps + 2)), ErrorKind::InvalidRequest, "10002 sigmas");
}

}  // namespace
}  // namespace newbie
