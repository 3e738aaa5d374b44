#include "diffusion/samplers/exponential_adams.h"

#include <array>
#include <cmath>

#include "diffusion/samplers/elementwise.h"
#include "diffusion/samplers/log_snr.h"

namespace newbie {
namespace {

// What each node's estimate counts for in
//   x(to) = to / from · x(from) + to ∫ e^lambda D(lambda) dlambda,   from lambda(from) to lambda(to),
// with D the polynomial through the nodes. Nodes at pure noise must be left out: they are infinitely far away.
std::array<double, kMostNodes> weights_of(std::span<const AdamsNode> nodes, double from, double to) {
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

}  // namespace

void adams_step(std::span<const AdamsNode> nodes, double from, double to, std::span<const float> start,
                std::span<float> x) {
  const auto weights = weights_of(nodes, from, to);
  add_scaled(start, to / from - 1, start, x);
  for (size_t j = 0; j < nodes.size(); ++j) add_scaled(x, weights[j], nodes[j].denoised, x);
}

void adams_step_from_noise(const AdamsNode& at_noise, const AdamsNode& at_end, std::span<const float> start,
                           std::span<float> x) {
  const double to = at_end.sigma, half = (1 - to) / 2;
  add_scaled(start, to - 1, start, x);
  for (const AdamsNode* node : {&at_end, &at_noise}) add_scaled(x, half, node->denoised, x);
}

}  // namespace newbie
