// Midpoint: half an Euler step to find the slope of the whole one (torchdiffeq `midpoint`, the official default).
#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"

namespace newbie {
namespace {

void run_midpoint(const SampleRun& run, std::span<float> x, SamplerState state) {
  const auto k = state[0], middle = state[1], denoised = state[2];
  for (int i = 0; i < run.intervals(); ++i) {
    const double sigma = run.sigmas[static_cast<size_t>(i)];
    const double t = 1 - sigma, h = (1 - run.sigmas[static_cast<size_t>(i) + 1]) - t;
    run.velocity(x, t, k);
    add_scaled(x, sigma, k, denoised);
    add_scaled(x, 0.5 * h, k, middle);
    run.velocity(middle, t + 0.5 * h, k);
    add_scaled(x, h, k, x);
    run.report(i, x, denoised);
  }
}

}  // namespace

const Sampler midpoint_sampler{.name = "midpoint",
                               .summary = "second order, two evaluations a step; the official default",
                               .default_schedule = "official",
                               .evaluations_per_interval = 2,
                               .state_vectors = 3,
                               .run = run_midpoint};

}  // namespace newbie
