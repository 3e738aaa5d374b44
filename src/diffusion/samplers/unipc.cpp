// UniPC: exponential Adams methods in the log signal-to-noise ratio lambda = ln (1 - sigma) - ln sigma, exact in the
// linear part. Every evaluation is used twice: as the newest node of the polynomial that corrects the interval it ends,
// and of the one that predicts the next (Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling
// of Diffusion Models", 2023; data prediction; the integrals are exact, where the paper leaves a function B(h) open).
// The corrector costs no evaluation and steadies long steps. From pure noise, where lambda is infinite, it is the
// trapezoidal rule in e^lambda.
#include <algorithm>
#include <array>

#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"
#include "diffusion/samplers/exponential_adams.h"

namespace newbie {
namespace {

// Predicts with up to `order` nodes and corrects with one more, the newest.
template <size_t order>
void run_unipc(const SampleRun& run, std::span<float> x, SamplerState state) {
  static_assert(order < kMostNodes);
  const auto start = state[0];
  std::array<AdamsNode, order + 1> nodes;  // the newest first
  for (size_t k = 0; k <= order; ++k) nodes[k] = {1, state[k + 1]};
  size_t known = 0;
  for (int i = 0; i < run.intervals(); ++i) {
    const double sigma = run.sigmas[static_cast<size_t>(i)], next = run.sigmas[static_cast<size_t>(i) + 1];
    std::ranges::rotate(nodes, nodes.end() - 1);
    nodes[0].sigma = sigma;
    const auto denoised = nodes[0].denoised;
    run.velocity(x, 1 - sigma, denoised);
    add_scaled(x, sigma, denoised, denoised);
    known = std::min(known + 1, order + 1);
    if (i == 1 && nodes[1].sigma == 1) {
      adams_step_from_noise(nodes[1], nodes[0], start, x);
    } else if (i > 0) {
      adams_step(std::span(nodes).first(known), run.sigmas[static_cast<size_t>(i) - 1], sigma, start, x);
    }
    std::ranges::copy(x, start.begin());
    adams_step(std::span(nodes).first(next == 0 ? 1 : std::min(known, order)), sigma, next, start, x);
    if (sigma == 1) known = 0;
    run.report(i, x, denoised);
  }
}

}  // namespace

const Sampler unipc_sampler{.name = "unipc",
                            .alias = "uni_pc",
                            .summary = "third order from one evaluation a step: predicts, then corrects; for few steps",
                            .default_schedule = "few_steps",
                            .evaluations_per_interval = 1,
                            .state_vectors = 4,
                            .run = run_unipc<2>};

}  // namespace newbie
