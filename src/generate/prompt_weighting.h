// What prompt weights do to Gemma's features: the `compel` form of the NewBie nodes (docs/prompt-weights.md).
#pragma once

#include <span>

namespace newbie {

// Whether some weight is below 1: weigh_features then needs features from an encoding that hides those tokens.
bool needs_hidden(std::span<const float> weights);

// Attention biases that hide the tokens of a weight below 1 from every query: 0, or so low that the softmax gives 0.
void hiding_bias(std::span<const float> weights, std::span<float> bias);

// features [T, width] in place, by weights [T]; `hidden` [T, width] or empty when no weight is below 1. The first token
// is that of an empty prompt, as the attention is causal: e0.
//   w > 1: e0 + s (e - e0), s = w, or w^0.8 when another weight is below 1
//   w < 1: a e + (1 - a) hidden, a = w^0.7
void weigh_features(std::span<const float> weights, std::span<const float> hidden, std::span<float> features);

}  // namespace newbie
