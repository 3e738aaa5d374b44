// Gemma 3 as a prompt encoder: the text model up to its penultimate hidden state (spec/gemma3.md §§2, 4).
#pragma once

#include "graph/graph.h"
#include "models/gemma3/config.h"

namespace newbie {

// Input  "ids" [T] (Index).
// Output "features" [T, D]: the residual stream after the last layer but one, without the final norm.
Graph gemma3_features(const Gemma3Config& config, int64_t tokens);

}  // namespace newbie
