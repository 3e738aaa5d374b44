// Values that leave a narrow format's range are kept smaller by a power of two, and the function stays the same.
#pragma once

#include <span>

#include "compile/precision.h"
#include "graph/graph.h"

namespace newbie {

// The law of this op with the operands that it has.
ScaleLaw scale_law(const Node& node);

// What `rules` say of a value known by these paths; 0: nothing. Of several the one with more characters that are no `*`
// holds, then the later.
int asked_log2(std::span<const Rescale> rules, std::span<const std::string> paths);

// The graph with the results of the ops that `rules` name times 2^log2. The scale is carried on through residual sums,
// gates, rotations and moves; a norm takes it back (its eps is scaled with it), a matrix's weights or attention's scale
// do, and what is left at an output or a function that is not linear is undone by a multiplication. Every factor is a
// power of two: in f32 all results are the same bits, unless a number becomes subnormal or a multiplication parts two
// ops that would have been fused. Values keep their paths.
// Error{InvalidRequest} when a rule without a `*` names an op that has no weights.
Graph rescale(const Graph& graph, std::span<const Rescale> rules, const std::string& part);

}  // namespace newbie
