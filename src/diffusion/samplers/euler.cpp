// Euler: one evaluation at the start of every interval (torchdiffeq `euler`, diffusers FlowMatchEuler).
#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"

namespace newbie {
namespace {

void run_euler(const SampleRun& run, std::span<float> x, SamplerState state) {
  const auto v = state[0], denoised = state[1];
  for (int i = 0; i < run.intervals(); ++i) {
    const double sigma = run.sigmas[static_cast<size_t>(i)];
    const double t = 1 - sigma, h = (1 - run.sigmas[static_cast<size_t>(i) + 1]) - t;
    run.velocity(x, t, v);
    add_scaled(x, sigma, v, denoised);
    add_scaled(x, h, v, x);
    run.report(i, x, denoised);
  }
}

}  // namespace

const Sampler euler_sampler{.name = "euler",
                            .summary = "first order, one evaluation a step",
                            .default_schedule = "official",
                            .evaluations_per_interval = 1,
                            .state_vectors = 2,
                            .run = run_euler};

}  // namespace newbie
