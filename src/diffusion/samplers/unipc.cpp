// UniPC: exponential Adams methods in the log signal-to-noise ratio lambda = ln (1 - sigma) - ln sigma, exact in the
// linear part. Every evaluation is used twice: as the newest node of the polynomial that corrects the interval it ends,
// and of the one that predicts the next (Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling
// of Diffusion Models", 2023; data prediction; the integrals are exact, where the paper leaves a function B(h) open).
// The corrector costs no evaluation and steadies long steps. From pure noise, where lambda is infinite, it is the
// trapezoidal rule in e^lambda.
#include <algorithm>
#include <array>
#include <cmath>

#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"
#include "diffusion/samplers/log_snr.h"

namespace newbie {
namespace {

constexpr size_t kMostNodes = 3;

// A denoised estimate, and where it was made.
struct Node {
  double sigma;
  std::span<float> denoised;
};

// What each node's estimate counts for in
//   x(to) = to / from · x(from) + to ∫ e^lambda D(lambda) dlambda,   from lambda(from) to lambda(to),
// with D the polynomial through the nodes. Nodes at pure noise must be left out: they are infinitely far away.
std::array<double, kMostNodes> weights_of(std::span<const Node> nodes, double from, double to) {
  const double end = log_snr(to), decay = to / from * (1 - from);  // of e^z over the interval, times 1 - to
  const double h = from == 1 ? 0 : end - log_snr(from);            // at pure noise decay is 0, whatever h
  // moments[k] = (1 - to) ∫ e^z z^k dz over [-h, 0], by parts.
  std::array<double, kMostNodes> moments{};
  moments[0] = 1 - to - decay;
  for (size_t k = 1; k < nodes.size(); ++k)
    moments[k] = -decay * std::pow(-h, static_cast<double>(k)) - static_cast<double>(k) * moments[k - 1];
  std::array<double, kMostNodes> out{};
  for (size_t j = 0; j < nodes.size(); ++j) {
    const double at = log_snr(nodes[j].sigma) - end;
    std::array<double, kMostNodes> polynomial{1};  // Lagrange's, by its coefficients
    size_t degree = 0;
    for (size_t m = 0; m < nodes.size(); ++m) {
      if (m == j) continue;
      const double other = log_snr(nodes[m].sigma) - end, scale = 1 / (at - other);
      ++degree;
      for (size_t k = degree; k > 0; --k) polynomial[k] = scale * (polynomial[k - 1] - other * polynomial[k]);
      polynomial[0] *= -scale * other;
    }
    for (size_t k = 0; k < nodes.size(); ++k) out[j] += polynomial[k] * moments[k];
  }
  return out;
}

// x = to / from · start + the nodes' share.
void step(std::span<const Node> nodes, double from, double to, std::span<const float> start, std::span<float> x) {
  const auto weights = weights_of(nodes, from, to);
  add_scaled(start, to / from - 1, start, x);
  for (size_t j = 0; j < nodes.size(); ++j) add_scaled(x, weights[j], nodes[j].denoised, x);
}

// x = to / from · start + to ∫ D de^lambda from pure noise, with D linear in e^lambda between the two newest nodes.
void correct_from_noise(std::span<const Node> nodes, std::span<const float> start, std::span<float> x) {
  const double to = nodes[0].sigma, half = (1 - to) / 2;
  add_scaled(start, to - 1, start, x);
  for (size_t j = 0; j < 2; ++j) add_scaled(x, half, nodes[j].denoised, x);
}

// Predicts with up to `order` nodes and corrects with one more, the newest.
template <size_t order>
void run_unipc(const SampleRun& run, std::span<float> x, SamplerState state) {
  static_assert(order < kMostNodes);
  const auto start = state[0];
  std::array<Node, order + 1> nodes;  // the newest first
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
      correct_from_noise(nodes, start, x);
    } else if (i > 0) {
      step(std::span(nodes).first(known), run.sigmas[static_cast<size_t>(i) - 1], sigma, start, x);
    }
    std::ranges::copy(x, start.begin());
    step(std::span(nodes).first(next == 0 ? 1 : std::min(known, order)), sigma, next, start, x);
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
