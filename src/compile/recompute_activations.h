// Less memory on the way back: what a differentiated graph holds between the two directions is made again where it is
// needed, as far as a budget asks for it.
#pragma once

#include <functional>

#include "graph/graph.h"

namespace newbie {

// `graph` is of differentiate(), and was taken through all other passes: its dtypes are decided, its ops fused, and
// what is made again is made by the same kernels. Its forward nodes are cut where (nearly) all that follows hangs on
// one value: between the blocks of a network and inside them. What a piece leaves behind for later pieces lies there
// always; all else that the way back reads is made again, before the piece's way back, unless it is kept. Results are
// the same bytes whatever is kept: the same ops on the same numbers.
//
// Of what could be kept comes first what most is computed for, a byte (floating_operations of the ops that are left out
// with it): the last matrix of a feed-forward long before what it reads. As much is kept as leaves `bytes(graph)`, what
// a run holds, at `budget` or below. With nothing kept and still above the budget, that graph is the result.
Graph recompute_activations(const Graph& graph, size_t budget, const std::function<size_t(const Graph&)>& bytes);

// The same without a budget: what is kept takes at most as much again as what lies there always.
Graph recompute_most(const Graph& graph);

}  // namespace newbie
