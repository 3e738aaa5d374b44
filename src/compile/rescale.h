// Values that leave a narrow format's range are kept smaller by a power of two, and the function stays the same.
#pragma once

#include <span>

#include "compile/precision.h"
#include "graph/graph.h"

namespace newbie {

// The law of this op with the operands that it has.
ScaleLaw scale_law(const Node& node);

// What a slice cuts out of a linear layer's result: a value that rules name by "path[begin:end]", as it may be scaled
// otherwise than its neighbours (queries and keys that a norm reads, values that attention adds up).
struct ResultPiece {
  int slice = 0;  // the op that cuts it out
  int64_t begin = 0, end = 0;
};
std::string piece_path(std::string_view path, int64_t begin, int64_t end);

// By op: the pieces of its result; empty where that is read in any other way, or the pieces overlap.
std::vector<std::vector<ResultPiece>> result_pieces(const Graph& graph);

// What `rules` say of a value known by these paths; 0: nothing. Of several the one with more characters that are no `*`
// holds, then the later.
int asked_log2(std::span<const Rescale> rules, std::span<const std::string> paths);

// The graph with the results of the ops, and their pieces, that `rules` name times 2^log2. The scale is carried on
// through residual sums, gates, rotations and moves; a norm takes it back (its eps is scaled with it), a matrix's
// weights or attention's scale do, and what is left at an output or a function that is not linear is undone by a
// multiplication. Every factor is a power of two: in f32 all results are the same bits, unless a number becomes
// subnormal or a multiplication parts two ops that would have been fused. Values keep their paths.
// Error{InvalidRequest} when a rule without a `*` names an op that has no weights, or a piece that is not cut out.
Graph rescale(const Graph& graph, std::span<const Rescale> rules, const std::string& part);

}  // namespace newbie
