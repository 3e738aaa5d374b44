// Gemma 3 as a prompt encoder: the text model up to its penultimate hidden state (spec/gemma3.md §§2, 4).
#pragma once

#include "graph/graph.h"
#include "models/gemma3/config.h"

namespace newbie {

// Input  "ids" [T] (Index).
// Output "features" [T, D]: the residual stream after the last layer but one, without the final norm.
Graph gemma3_features(const Gemma3Config& config, int64_t tokens);

// The same with some tokens hidden from all queries, their own among them, in every layer; positions stay.
// Input "key_bias" [T]: added to the scores of each key, 0 or far below.
// Attention is made of plain ops here: few prompts need it.
Graph gemma3_features_with_hidden(const Gemma3Config& config, int64_t tokens);

}  // namespace newbie
