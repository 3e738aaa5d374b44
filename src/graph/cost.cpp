#include "graph/cost.h"

#include <algorithm>
#include <set>

#include "graph/ops/sources.h"

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

size_t least_arena_bytes(const Graph& graph) {
  const auto count = static_cast<size_t>(graph.size());
  std::vector<int> root(count), last_use(count, -1);  // of a chain of views: whose bytes a value has
  const auto at = [](auto& values, int id) -> auto& { return values[static_cast<size_t>(id)]; };
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    at(root, id) = n.op->view ? at(root, n.inputs[0]) : id;
    for (const int in : n.inputs) at(last_use, at(root, in)) = id;
  }
  for (const Graph::Output& output : graph.outputs()) at(last_use, at(root, output.id)) = graph.size();

  size_t least = 0, live = 0;
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    if (is_source(n) || n.op->view) continue;
    std::set<int> ending;
    for (const int in : n.inputs)
      if (const int r = at(root, in); at(last_use, r) == id && !is_source(graph.node(r))) ending.insert(r);
    const size_t bytes = n.spec().bytes();
    const auto has_room = [&](int r) { return graph.node(r).spec().bytes() == bytes; };
    least = std::max(least, live + (std::ranges::any_of(ending, has_room) ? 0 : bytes));
    live += at(last_use, id) < 0 ? 0 : bytes;
    for (const int r : ending) live -= graph.node(r).spec().bytes();
  }
  return least;
}

}  // namespace newbie
