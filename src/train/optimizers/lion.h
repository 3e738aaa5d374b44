// Lion (Chen et al. 2023, algorithm 2): the sign of a mean of gradients, one state.
#pragma once

#include <span>

namespace newbie {

struct LionOptions {
  double beta1 = 0.9, beta2 = 0.99, weight_decay = 0.01;
  bool operator==(const LionOptions&) const = default;
};

// w ← w − lr (sign(β₁m + (1−β₁)g) + decay·w);  m ← β₂m + (1−β₂)g
void lion(std::span<float> w, std::span<const float> g, std::span<float> m, const LionOptions& o, double lr) noexcept;

}  // namespace newbie
