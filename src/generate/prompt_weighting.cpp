#include "generate/prompt_weighting.h"

#include <algorithm>
#include <cmath>

namespace newbie {

bool needs_hidden(std::span<const float> weights) {
  return std::any_of(weights.begin(), weights.end(), [](float w) { return w < 1.0f; });
}

void hiding_bias(std::span<const float> weights, std::span<float> bias) {
  // Finite, so that a query that sees hidden tokens alone gets their mean and not NaN.
  constexpr float kHidden = -1e30f;
  for (size_t i = 0; i < weights.size(); ++i) bias[i] = weights[i] < 1.0f ? kHidden : 0.0f;
}

void weigh_features(std::span<const float> weights, std::span<const float> hidden, std::span<float> features) {
  const size_t width = features.size() / weights.size();
  const std::span<const float> empty = features.first(width);
  const bool has_low = needs_hidden(weights);
  for (size_t token = 1; token < weights.size(); ++token) {
    const float w = weights[token];
    const std::span<float> e = features.subspan(token * width, width);
    if (w > 1.0f) {
      const float scale = has_low ? std::pow(w, 0.8f) : w;
      for (size_t c = 0; c < width; ++c) e[c] = empty[c] + scale * (e[c] - empty[c]);
    } else if (w < 1.0f) {
      const float keep = std::pow(w, 0.7f);
      const std::span<const float> other = hidden.subspan(token * width, width);
      for (size_t c = 0; c < width; ++c) e[c] = keep * e[c] + (1.0f - keep) * other[c];
    }
  }
}

}  // namespace newbie
