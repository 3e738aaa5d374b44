// Heun: the mean of the slopes at both ends (torchdiffeq `heun2`). The last step is no exception: it evaluates at
// sigma 0 too, where other programs fall back to Euler.
#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"

namespace newbie {
namespace {

void run_heun(const SampleRun& run, std::span<float> x, SamplerState state) {
  const auto k1 = state[0], k2 = state[1], end = state[2], denoised = state[3];
  for (int i = 0; i < run.intervals(); ++i) {
    const double sigma = run.sigmas[static_cast<size_t>(i)];
    const double t = 1 - sigma, t_end = 1 - run.sigmas[static_cast<size_t>(i) + 1], h = t_end - t;
    run.velocity(x, t, k1);
    add_scaled(x, sigma, k1, denoised);
    add_scaled(x, h, k1, end);
    run.velocity(end, t_end, k2);
    const float half = static_cast<float>(0.5 * h);
    for (size_t e = 0; e < x.size(); ++e) x[e] += half * (k1[e] + k2[e]);
    run.report(i, x, denoised);
  }
}

}  // namespace

const Sampler heun_sampler{.name = "heun",
                           .alias = "heun2",
                           .summary = "second order, two evaluations a step, the last step included",
                           .default_schedule = "official",
                           .evaluations_per_interval = 2,
                           .state_vectors = 4,
                           .run = run_heun};

}  // namespace newbie
