// Replaces fused ops by the plainer ops they stand for.
#pragma once

#include <functional>

#include "graph/graph.h"

namespace newbie {

// Decomposes every node for which `should` is true and whose op has a decomposition, repeatedly, until none is left.
Graph decompose(const Graph& graph, const std::function<bool(const Node&)>& should);

}  // namespace newbie
