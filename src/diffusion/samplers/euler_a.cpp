// Ancestral Euler in ComfyUI's form for flow models (spec/sampling.md §2d): a deterministic step below the next
// sigma, then scaling and fresh noise back up to it, so that data and noise keep their shares.
#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"

namespace newbie {
namespace {

void run_euler_a(const SampleRun& run, std::span<float> x, SamplerState state) {
  const double eta = run.options.eta;
  if (!(eta >= 0 && eta <= 1)) fail(ErrorKind::InvalidRequest, "euler_a: eta must be 0 to 1, got {}", eta);
  const auto denoised = state[0], noise = state[1];
  TorchGenerator generator(run.options.seed + 1);
  for (int i = 0; i < run.intervals(); ++i) {
    const double sigma = run.sigmas[static_cast<size_t>(i)], next = run.sigmas[static_cast<size_t>(i) + 1];
    run.velocity(x, 1 - sigma, denoised);
    add_scaled(x, sigma, denoised, denoised);
    if (next == 0) {
      std::ranges::copy(denoised, x.begin());
    } else {
      const double down = next * (1 + (next / sigma - 1) * eta);
      const double keep = (1 - next) / (1 - down), r = down / sigma;
      // Zero but for rounding when eta is 0; rounding must not make it negative.
      const double added = std::max(0.0, next * next - down * down * keep * keep);
      const float kf = static_cast<float>(keep), rf = static_cast<float>(r), df = static_cast<float>(1 - r);
      const float nf = static_cast<float>(std::sqrt(added));
      generator.normal(noise);
      for (size_t e = 0; e < x.size(); ++e) x[e] = kf * (rf * x[e] + df * denoised[e]) + noise[e] * nf;
    }
    run.report(i, x, denoised);
  }
}

}  // namespace

const Sampler euler_a_sampler{.name = "euler_a",
                              .alias = "euler_ancestral",
                              .summary = "first order with fresh noise in every step (eta)",
                              .default_schedule = "simple",
                              .evaluations_per_interval = 1,
                              .fresh_noise = true,
                              .state_vectors = 2,
                              .run = run_euler_a};

}  // namespace newbie
