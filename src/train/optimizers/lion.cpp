#include "train/optimizers/lion.h"

namespace newbie {

void lion(std::span<float> w, std::span<const float> g, std::span<float> m, const LionOptions& o, double lr) noexcept {
  for (size_t i = 0; i < w.size(); ++i) {
    const double slope = static_cast<double>(g[i]), mean = static_cast<double>(m[i]),
                 weight = static_cast<double>(w[i]);
    const double direction = o.beta1 * mean + (1.0 - o.beta1) * slope;
    const double sign = direction > 0.0 ? 1.0 : direction < 0.0 ? -1.0 : 0.0;
    w[i] = static_cast<float>(weight - lr * (sign + o.weight_decay * weight));
    m[i] = static_cast<float>(o.beta2 * mean + (1.0 - o.beta2) * slope);
  }
}

}  // namespace newbie
