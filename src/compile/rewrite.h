// What passes share: copying a graph node by node while replacing some of them.
#pragma once

#include <functional>
#include <vector>

#include "graph/graph.h"

namespace newbie {

// Copies `graph`, asking `replace` for every node. replace(node, id, inputs, out) gives the new value for the node, or
// an empty Value to copy it as it is; `inputs` are the node's operands in `out`. Paths and outputs follow. Nodes that
// nobody reads afterwards are left out.
using Replace = std::function<Value(const Node& node, int id, const std::vector<Value>& inputs, Graph& out)>;
Graph rewrite(const Graph& graph, const Replace& replace);

// Drops every node that no output depends on (inputs stay: they are part of the interface).
Graph remove_unused(const Graph& graph);

}  // namespace newbie
