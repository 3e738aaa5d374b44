// The computation of one training sample: the whole denoiser, its adapters, the loss, and the way back.
#pragma once

#include "models/next_dit/graph.h"
#include "train/adapters.h"

namespace newbie {

// Sizes of a sample; samples of equal sizes share a program.
struct SampleShape {
  int64_t caption_tokens = 0;
  int64_t height = 0, width = 0;  // of the latent
  auto operator<=>(const SampleShape&) const = default;
};

// Inputs "caption", "latent" (noisy), "time", "pooled" as of next_dit, and "target" like "latent".
// Outputs "velocity", and "loss" [1]: the mean of (velocity − target)².
Graph loss_graph(const NextDitConfig& config, const SampleShape& shape, std::span<const AdaptedModule> modules);

// That and the gradient of everything that `trained` has (compile/differentiate.h).
Graph training_graph(const Graph& loss, const Parameters& trained);

}  // namespace newbie
