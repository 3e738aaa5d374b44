#include "train/optimizers/adamw.h"

#include <cmath>

namespace newbie {

void adamw(std::span<float> w, std::span<const float> g, Moments s, const AdamWOptions& o, double lr,
           int64_t step) noexcept {
  const double start1 = 1.0 - std::pow(o.beta1, static_cast<double>(step));
  const double start2 = std::sqrt(1.0 - std::pow(o.beta2, static_cast<double>(step)));
  for (size_t i = 0; i < w.size(); ++i) {
    const double slope = static_cast<double>(g[i]);
    const double m = o.beta1 * static_cast<double>(s.m[i]) + (1.0 - o.beta1) * slope;
    const double v = o.beta2 * static_cast<double>(s.v[i]) + (1.0 - o.beta2) * slope * slope;
    const double kept = static_cast<double>(w[i]) * (1.0 - lr * o.weight_decay);
    s.m[i] = static_cast<float>(m);
    s.v[i] = static_cast<float>(v);
    w[i] = static_cast<float>(kept - lr / start1 * m / (std::sqrt(v) / start2 + o.eps));
  }
}

}  // namespace newbie
