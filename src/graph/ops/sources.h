// Nodes without inputs: what a run binds (input), what a checkpoint gives (weight), what the builder knows (constant).
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef input_op, weight_op, constant_op;

inline bool is_source(const Node& node) { return node.op->numeric_class == NumericClass::Source; }

}  // namespace newbie
