// torch.optim.AdamW: decoupled decay, moments with their start taken out. A loop over spans; what it remembers is in
// the spans. `step` counts the steps that were taken, from 1: skipped ones do not count.
#pragma once

#include <cstdint>
#include <span>

namespace newbie {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
  bool operator==(const AdamWOptions&) const = default;
};

struct Moments {
  std::span<float> m, v;  // of the weights' length, 0 at first
};

// w ← w (1 − lr·decay);  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  w ← w − lr · m̂ / (√v̂ + eps), m̂ = m/(1−β₁ᵏ), v̂ =
// v/(1−β₂ᵏ)
void adamw(std::span<float> w, std::span<const float> g, Moments s, const AdamWOptions& o, double lr,
           int64_t step) noexcept;

}  // namespace newbie
