// What a node costs.
#pragma once

#include "graph/graph.h"

namespace newbie {

// Multiplications and additions, by OpDef::cost: of linear layers, matrix products, convolutions and attention (a
// causal one by the keys that are seen); 0 for all other ops, which move more than they compute.
double floating_operations(const Graph& graph, int id);
double floating_operations(const Graph& graph);

}  // namespace newbie
