// cos and sin tables of rotary embeddings, as constants of a graph.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace newbie {

struct RopeTables {
  Value cos, sin;  // [S, D/2]
};

// From angles [S, D/2], row-major.
RopeTables rope_tables(Graph& graph, int64_t rows, const std::vector<float>& angles);

// One position axis: angle = position · base^(−2j/D) / divisor for positions 0 … rows−1, in f32 as the reference
// computes it.
RopeTables sequence_rope(Graph& graph, int64_t rows, int64_t head_size, double base, double divisor = 1.0);

}  // namespace newbie
