// Runge-Kutta of fourth order by the 3/8 rule (torchdiffeq `rk4`, which is not the classical one).
#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"

namespace newbie {
namespace {

void run_rk4(const SampleRun& run, std::span<float> x, SamplerState state) {
  const auto k1 = state[0], k2 = state[1], k3 = state[2], k4 = state[3], y = state[4], denoised = state[5];
  for (int i = 0; i < run.intervals(); ++i) {
    const double sigma = run.sigmas[static_cast<size_t>(i)];
    const double t = 1 - sigma, t_end = 1 - run.sigmas[static_cast<size_t>(i) + 1], h = t_end - t;
    const float hf = static_cast<float>(h);
    run.velocity(x, t, k1);
    add_scaled(x, sigma, k1, denoised);
    for (size_t e = 0; e < x.size(); ++e) y[e] = x[e] + hf * k1[e] / 3;
    run.velocity(y, t + h / 3, k2);
    for (size_t e = 0; e < x.size(); ++e) y[e] = x[e] + hf * (k2[e] - k1[e] / 3);
    run.velocity(y, t + 2 * h / 3, k3);
    for (size_t e = 0; e < x.size(); ++e) y[e] = x[e] + hf * (k1[e] - k2[e] + k3[e]);
    run.velocity(y, t_end, k4);
    for (size_t e = 0; e < x.size(); ++e) x[e] += hf * (k1[e] + 3 * k2[e] + 3 * k3[e] + k4[e]) / 8;
    run.report(i, x, denoised);
  }
}

}  // namespace

const Sampler rk4_sampler{.name = "rk4",
                          .summary = "fourth order (3/8 rule), four evaluations a step",
                          .default_schedule = "official",
                          .evaluations_per_interval = 4,
                          .state_vectors = 6,
                          .run = run_rk4};

}  // namespace newbie
