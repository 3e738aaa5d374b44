// cos and sin tables of rotary embeddings, as constants of a graph.
#pragma once

#include <array>
#include <functional>
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

// Three position axes that share the pairs of a head: a row of a table is its position's angles on each, one axis
// behind the other.
using RopePosition = std::array<int64_t, 3>;
struct RopeAxes {
  RopePosition extents;                      // positions are below these
  std::array<std::vector<float>, 3> angles;  // of each axis [extent, pairs], row-major
};
// Tables of `rows` rows, made when they are needed: what is kept grows with the sum of the extents, not with the rows.
// `position_of` may be called at any time, from any thread.
RopeTables rope_tables(Graph& graph, int64_t rows, const RopeAxes& axes,
                       std::function<RopePosition(int64_t row)> position_of);

}  // namespace newbie
