// Convolutions joined with what makes their input, so that no whole picture is held on the way (banded_conv2d).
#pragma once

#include "graph/graph.h"

namespace newbie {

// How much of a decoder or encoder is computed in bands of rows, from the fastest to the smallest.
enum class Bands {
  None,
  Once,   // the same work and the same results
  Again,  // enlarged pictures are computed anew for each reader instead of being kept: more work
};

// Joins silu(group_norm) and upsampling with the convolution behind them, and the sum behind that, where all of them
// are stored as they are multiplied; `bands` is not None. Results are the same but for the order of sums in norms of
// what is computed anew.
Graph band_convolutions(const Graph& graph, Bands bands);

}  // namespace newbie
