// Clipping by the global norm of all gradients, and means of weights.
#pragma once

#include <span>
#include <vector>

namespace newbie {

// √Σg², tensor by tensor, summed in double: in the order of the tensors, whatever computes them.
double global_norm(std::span<const std::vector<float>> gradients) noexcept;

// What gradients are multiplied with so that their norm is at most `most`: min(1, most / (norm + 1e-6)), as PyTorch.
// `most` 0: 1.
double clip_factor(double norm, double most) noexcept;

void multiply(std::span<float> values, double factor) noexcept;

// mean ← decay · mean + (1 − decay) · w
void move_average(std::span<float> mean, std::span<const float> w, double decay) noexcept;

}  // namespace newbie
