// The solver that measures itself, on a field whose paths are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "unit/diffusion/gaussian_data.h"

namespace newbie {
namespace {

using namespace test;

struct Outcome {
  double distance = 0, estimate = 0;  // root mean square to the true end, and what the solver says
  int64_t evaluations = 0;
  std::vector<float> x;
};

// Gaussian data of one deviation.
Outcome walk(double tolerance, double deviation, const std::vector<double>& sigmas) {
  const GaussianData data{.deviation = deviation};
  const std::vector<float> z = noise();
  Outcome out;
  for (const float n : z) out.x.push_back(static_cast<float>(data.path(n, sigmas.front())));
  int reached = 0;
  sample(tolerant_sampler(),
         {.sigmas = sigmas,
          .denoise =
              [&](std::span<const float> x, double t, std::span<float> v) {
                ++out.evaluations;
                data.field()(x, t, v);
              },
          .options = {.tolerance = tolerance},
          .on_step =
              [&](const SampleStep& step) {
                EXPECT_GE(step.index, reached);
                EXPECT_EQ(step.sigma, sigmas[static_cast<size_t>(step.index) + 1]);
                reached = step.index + 1;
              },
          .on_estimate = [&](double distance) { out.estimate = distance; }},
         out.x);
  EXPECT_EQ(reached, static_cast<int>(sigmas.size()) - 1) << "the end is reported";
  double sum = 0;
  for (size_t i = 0; i < z.size(); ++i) sum += std::pow(out.x[i] - data.path(z[i], sigmas.back()), 2);
  out.distance = std::sqrt(sum / static_cast<double>(z.size()));
  return out;
}

std::vector<double> grid() { return make_sigmas(tolerant_sampler().default_schedule, kAdaptiveLevels); }

// Shares of steps and of the end add up to the tolerance, so the estimate stays below it; that the truth does, too, is
// what the estimate is worth here. How it does on pictures is measured (docs/speed.md).
TEST(Adaptive, KeepsWhatItIsAskedFor) {
  for (const double deviation : {0.1, 0.5, 1.5, 3.0})
    for (const double tolerance : {0.03, 0.1, 0.3}) {
      const Outcome out = walk(tolerance, deviation, grid());
      EXPECT_LE(out.distance, tolerance) << deviation;
      EXPECT_LE(out.estimate, tolerance) << deviation;
      EXPECT_GT(out.estimate, 0) << deviation << ", " << tolerance;
      EXPECT_LE(out.evaluations, tolerant_sampler().evaluations(kAdaptiveLevels));
    }
}

TEST(Adaptive, ALooserToleranceTakesFewerEvaluations) {
  for (const double deviation : {0.5, 1.5, 3.0})
    EXPECT_LT(walk(0.3, deviation, grid()).evaluations, walk(0.03, deviation, grid()).evaluations) << deviation;
}

// From a picture that was noised, and over one interval, where nothing can be chosen.
TEST(Adaptive, WalksAnyLevels) {
  std::vector<double> late = grid();
  late.erase(late.begin(), late.begin() + 30);
  EXPECT_LE(walk(0.1, 1.5, late).distance, 0.1);
  EXPECT_EQ(walk(0.1, 1.5, {1, 0}).evaluations, 1);
  EXPECT_EQ(walk(0.1, 1.5, {0.5, 0.2, 0}).evaluations, 2);
}

// Values that are no numbers end the run as any others do: the guard looks at them.
TEST(Adaptive, EndsWhateverItIsGiven) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 0.0f}) {
    int64_t evaluations = 0;
    std::vector<float> x = noise();
    sample(tolerant_sampler(),
           {.sigmas = grid(),
            .denoise =
                [&](std::span<const float>, double, std::span<float> v) {
                  ++evaluations;
                  std::ranges::fill(v, value);
                },
            .options = {.tolerance = 0.1}},
           x);
    EXPECT_LE(evaluations, tolerant_sampler().evaluations(kAdaptiveLevels));
  }
}

}  // namespace
}  // namespace newbie
