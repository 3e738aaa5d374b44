// DPM-Solver++(2M) with alpha = 1 - sigma (spec/sampling.md §2b): exact in the linear part, second order in the
// data prediction m, which it extrapolates from the one before. First and last steps are first order.
#include <cmath>
#include <utility>

#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"
#include "diffusion/samplers/log_snr.h"

namespace newbie {
namespace {

void run_dpmpp_2m(const SampleRun& run, std::span<float> x, SamplerState state) {
  auto m = state[0], previous = state[1];
  for (int i = 0; i < run.intervals(); ++i) {
    const double s = run.sigmas[static_cast<size_t>(i)], r = run.sigmas[static_cast<size_t>(i) + 1];
    run.velocity(x, 1 - s, m);
    add_scaled(x, s, m, m);
    const double h = log_snr(r) - log_snr(s);
    const double growth = std::expm1(-h);  // -1 for an infinite h
    const float keep = static_cast<float>(r / s), toward = static_cast<float>((1 - r) * growth);
    const bool second_order = i > 0 && i + 1 < run.intervals();
    if (!second_order) {
      for (size_t e = 0; e < x.size(); ++e) x[e] = keep * x[e] - toward * m[e];
    } else {
      const double before = run.sigmas[static_cast<size_t>(i) - 1];
      const float half = static_cast<float>(0.5 * (1 - r) * growth);
      const float r0 = static_cast<float>((log_snr(s) - log_snr(before)) / h);
      for (size_t e = 0; e < x.size(); ++e) x[e] = keep * x[e] - toward * m[e] - half * (m[e] - previous[e]) / r0;
    }
    run.report(i, x, m);
    std::swap(m, previous);
  }
}

}  // namespace

const Sampler dpmpp_2m_sampler{.name = "dpmpp_2m",
                               .alias = "dpm++2m",
                               .summary = "DPM-Solver++(2M), second order from one evaluation a step",
                               .default_schedule = "dpm",
                               .evaluations_per_interval = 1,
                               .state_vectors = 2,
                               .run = run_dpmpp_2m};

}  // namespace newbie
