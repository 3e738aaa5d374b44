// Less memory on the way back: what a differentiated graph holds between the two directions is made again where it is
// needed, as far as a budget asks for it.
#pragma once

#include <functional>

#include "graph/graph.h"

namespace newbie {

// `graph` is of differentiate(), and was taken through all other passes: its dtypes are decided, its ops fused, and
// what is made again is made by the same kernels. Its forward nodes are cut where (nearly) all that follows hangs on
// one value: between the blocks of a network and inside them. Pieces are recomputed, the first ones first and as few as
// will do, until `bytes(graph)`, what a run holds, is at most `budget`: then all a piece leaves behind is the values
// that later pieces read, and the nodes before the piece's way back make the rest again. With all pieces recomputed and
// still above the budget, that graph is the result. Results are the same bytes: the same ops on the same numbers.
Graph recompute_activations(const Graph& graph, size_t budget, const std::function<size_t(const Graph&)>& bytes);

// The same with a number of pieces that the caller chooses; piece_count says how many there are.
Graph recompute_first(const Graph& graph, size_t pieces);
size_t piece_count(const Graph& graph);

}  // namespace newbie
