// Ancestral Euler: the balance of what is kept and what is added, and where its noise comes from.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "unit/diffusion/gaussian_data.h"

namespace newbie {
namespace {

using test::GaussianData;
using test::noise;

constexpr double kEps = std::numeric_limits<float>::epsilon();

// With the denoised estimate of data that is one point, the state stays (1 - sigma) · point + noise of deviation sigma:
// keeping and adding noise must balance exactly, for any eta and any steps.
TEST(EulerA, KeepsTheNoiseLevel) {
  constexpr size_t kElements = 1 << 16;
  constexpr double kPoint = 2.0;
  const Denoise field = [](std::span<const float> x, double t, std::span<float> v) {
    for (size_t i = 0; i < x.size(); ++i) v[i] = static_cast<float>((kPoint - x[i]) / (1 - t));
  };
  for (const double eta : {0.0, 0.5, 1.0}) {
    std::vector<float> x = noise(kElements, 77);
    const auto on_step = [&](const SampleStep& step) {
      double mean = 0, variance = 0;
      for (const float e : step.latent) mean += e / static_cast<double>(kElements);
      for (const float e : step.latent) variance += (e - mean) * (e - mean) / static_cast<double>(kElements);
      // Five standard errors of a mean and of a variance over kElements samples.
      const double error = 5 / std::sqrt(static_cast<double>(kElements));
      EXPECT_NEAR(mean, (1 - step.sigma) * kPoint, error * step.sigma + 1e-6) << eta;
      EXPECT_NEAR(variance, step.sigma * step.sigma, std::sqrt(2.0) * error * step.sigma * step.sigma + 1e-6) << eta;
    };
    const std::vector<double> sigmas = make_sigmas("simple", 12);
    sample(find_sampler("euler_a"),
           {.sigmas = sigmas, .denoise = field, .options = {.eta = eta, .seed = 9}, .on_step = on_step}, x);
  }
}

// Gaussian data stay Gaussian, so the variance of each step follows from the one before; with many steps it ends at the
// variance of the data.
TEST(EulerA, TheVarianceFollowsItsLawToTheData) {
  constexpr size_t kElements = 1 << 15;
  const GaussianData data;
  const auto variance_by_law = [&](const std::vector<double>& sigmas) {
    double variance = 1;
    for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
      const double a = sigmas[i], b = sigmas[i + 1], down = b * b / a, keep = (1 - b) / (1 - down), r = down / a;
      const double gain = (1 - a) * data.deviation * data.deviation / (data.spread(a) * data.spread(a));
      const double factor = keep * (r + (1 - r) * gain);
      variance = variance * factor * factor + b * b - down * down * keep * keep;
    }
    return variance;
  };
  const double wanted = data.deviation * data.deviation;
  const std::vector<double> sigmas = make_sigmas("simple", 50);
  EXPECT_LT(std::abs(variance_by_law(make_sigmas("simple", 200)) - wanted),
            std::abs(variance_by_law(sigmas) - wanted) / 3);

  std::vector<float> x = noise(kElements, 4);
  sample(find_sampler("euler_a"), {.sigmas = sigmas, .denoise = data.field(), .options = {.eta = 1, .seed = 3}}, x);
  double mean = 0, variance = 0;
  for (const float e : x) mean += e / static_cast<double>(kElements);
  for (const float e : x) variance += (e - mean) * (e - mean) / static_cast<double>(kElements);
  const double error = 5 / std::sqrt(static_cast<double>(kElements));  // five standard errors
  EXPECT_NEAR(mean, data.mean, error * data.deviation);
  EXPECT_NEAR(variance, variance_by_law(sigmas), std::sqrt(2.0) * error * wanted);
}

TEST(EulerA, WithoutEtaIsEulerAndWithItFollowsTheSeed) {
  const GaussianData data;
  const std::vector<double> sigmas = make_sigmas("simple", 10);
  const auto run = [&](const char* name, SamplerOptions options) {
    std::vector<float> x = noise();
    sample(find_sampler(name), {.sigmas = sigmas, .denoise = data.field(), .options = options}, x);
    return x;
  };
  const std::vector<float> plain = run("euler", {}), quiet = run("euler_a", {.eta = 0, .seed = 1});
  // eta 0 still adds sqrt(rounding): b² (1 - keep²) with keep = 1 computed in double is at most a few 1e-16 inside the
  // root.
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(quiet[i], plain[i], 1e-6);
  EXPECT_EQ(run("euler_a", {.eta = 1, .seed = 1}), run("euler_a", {.eta = 1, .seed = 1}));
  EXPECT_NE(run("euler_a", {.eta = 1, .seed = 1}), run("euler_a", {.eta = 1, .seed = 2}));
}

TEST(EulerA, DrawsTheNoiseOfTheNextSeed) {
  // One step from pure noise with a zero estimate: what is left is scaled noise of seed + 1.
  const Denoise field = [](std::span<const float> x, double t, std::span<float> v) {
    for (size_t i = 0; i < x.size(); ++i) v[i] = static_cast<float>(-x[i] / (1 - t));
  };
  const std::vector<float> fresh = noise(32, 43);
  std::vector<float> x(32, 0.0f);
  const std::vector<double> sigmas{1, 0.5};
  sample(find_sampler("euler_a"), {.sigmas = sigmas, .denoise = field, .options = {.eta = 1, .seed = 42}}, x);
  const double down = 0.25, keep = 0.5 / 0.75, added = std::sqrt(0.25 - down * down * keep * keep);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], fresh[i] * added, 2 * kEps * std::abs(fresh[i]));
}

}  // namespace
}  // namespace newbie
