// What a graph costs.
#pragma once

#include "graph/graph.h"

namespace newbie {

// Multiplications and additions, by OpDef::cost: of linear layers, matrix products, convolutions and attention (a
// causal one by the keys that are seen); 0 for all other ops, which move more than they compute.
double floating_operations(const Graph& graph, int id);
double floating_operations(const Graph& graph);

// Bytes of values that no way to run the graph goes without: at the largest moment, if every op could write over an
// input of its size that nobody else reads. Without what lies elsewhere: inputs, weights, constants, and without room
// that kernels work in. Takes no time worth speaking of, whatever the shapes are.
size_t least_arena_bytes(const Graph& graph);

}  // namespace newbie
