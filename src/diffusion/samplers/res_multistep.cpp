// The exponential multistep method ComfyUI calls res_multistep, without added noise (spec/sampling.md §2d): exact in
// the linear part, second order in the denoised estimate D over tau = -ln sigma.
#include <cmath>
#include <utility>

#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"

namespace newbie {
namespace {

double phi1(double z) { return std::expm1(z) / z; }
double phi2(double z) { return (phi1(z) - 1) / z; }
double number_or_zero(double v) { return std::isnan(v) ? 0 : v; }

void run_res_multistep(const SampleRun& run, std::span<float> x, SamplerState state) {
  auto denoised = state[0], previous = state[1];
  for (int i = 0; i < run.intervals(); ++i) {
    const double sigma = run.sigmas[static_cast<size_t>(i)], next = run.sigmas[static_cast<size_t>(i) + 1];
    run.velocity(x, 1 - sigma, denoised);
    add_scaled(x, sigma, denoised, denoised);
    if (i == 0 || next == 0) {
      const float s = static_cast<float>(sigma), step = static_cast<float>(next - sigma);
      for (size_t e = 0; e < x.size(); ++e) x[e] += (x[e] - denoised[e]) / s * step;
    } else {
      const double tau = -std::log(sigma), h = -std::log(next) - tau;
      const double c2 = (-std::log(run.sigmas[static_cast<size_t>(i) - 1]) - tau) / h;
      const double b2 = number_or_zero(phi2(-h) / c2), b1 = number_or_zero(phi1(-h) - b2);
      const float keep = static_cast<float>(std::exp(-h)), hf = static_cast<float>(h);
      const float f1 = static_cast<float>(b1), f2 = static_cast<float>(b2);
      for (size_t e = 0; e < x.size(); ++e) x[e] = keep * x[e] + hf * (f1 * denoised[e] + f2 * previous[e]);
    }
    run.report(i, x, denoised);
    std::swap(denoised, previous);
  }
}

}  // namespace

const Sampler res_multistep_sampler{.name = "res_multistep",
                                    .summary = "second order from one evaluation a step; the product default",
                                    .default_schedule = "simple",
                                    .evaluations_per_interval = 1,
                                    .state_vectors = 2,
                                    .run = run_res_multistep};

}  // namespace newbie
