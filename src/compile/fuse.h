// Joins neighbouring ops into the fused ops of graph/ops, where nobody else reads the value between them and both
// compute and sum in the same dtypes.
#pragma once

#include "graph/graph.h"

namespace newbie {

// rms_norm → modulate, rms_norm → (gated) residual, rms_norm → rope, group_norm → silu. The joined value keeps the
// second op's paths and precision; the value between them, and its paths, are gone.
Graph fuse(const Graph& graph);

}  // namespace newbie
