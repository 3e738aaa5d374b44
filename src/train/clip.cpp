#include "train/clip.h"

#include <algorithm>
#include <cmath>

namespace newbie {

double global_norm(std::span<const std::vector<float>> gradients) noexcept {
  double squares = 0;
  for (const std::vector<float>& tensor : gradients) {
    double sum = 0;
    for (float g : tensor) sum += static_cast<double>(g) * static_cast<double>(g);
    squares += sum;
  }
  return std::sqrt(squares);
}

double clip_factor(double norm, double most) noexcept {
  return most == 0.0 ? 1.0 : std::min(1.0, most / (norm + 1e-6));
}

void multiply(std::span<float> values, double factor) noexcept {
  if (factor == 1.0) return;
  for (float& v : values) v = static_cast<float>(static_cast<double>(v) * factor);
}

void move_average(std::span<float> mean, std::span<const float> w, double decay) noexcept {
  for (size_t i = 0; i < mean.size(); ++i)
    mean[i] = static_cast<float>(decay * static_cast<double>(mean[i]) + (1.0 - decay) * static_cast<double>(w[i]));
}

}  // namespace newbie
