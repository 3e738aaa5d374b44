#include "graph/cost.h"

namespace newbie {

double floating_operations(const Graph& graph, int id) {
  const Node& n = graph.node(id);
  if (n.op->cost == nullptr) return 0;
  std::vector<Shape> inputs;
  for (const int in : n.inputs) inputs.push_back(graph.node(in).shape);
  return n.op->cost(inputs, n.shape, n.attrs);
}

double floating_operations(const Graph& graph) {
  double total = 0;
  for (int id = 0; id < graph.size(); ++id) total += floating_operations(graph, id);
  return total;
}

}  // namespace newbie
