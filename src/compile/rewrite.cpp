#include "compile/rewrite.h"

#include "graph/ops/sources.h"

namespace newbie {

namespace {

std::vector<bool> reachable(const Graph& graph) {
  std::vector<bool> needed(static_cast<size_t>(graph.size()), false);
  for (const auto& o : graph.outputs()) needed[static_cast<size_t>(o.id)] = true;
  for (int id = graph.size() - 1; id >= 0; --id) {
    const Node& n = graph.node(id);
    if (n.op == &input_op) needed[static_cast<size_t>(id)] = true;
    if (!needed[static_cast<size_t>(id)]) continue;
    for (int in : n.inputs) needed[static_cast<size_t>(in)] = true;
  }
  return needed;
}

}  // namespace

Graph remove_unused(const Graph& graph) {
  const std::vector<bool> needed = reachable(graph);
  Graph out;
  std::vector<int> moved(static_cast<size_t>(graph.size()), -1);
  for (int id = 0; id < graph.size(); ++id) {
    if (!needed[static_cast<size_t>(id)]) continue;
    Node n = graph.node(id);
    for (int& in : n.inputs) in = moved[static_cast<size_t>(in)];
    moved[static_cast<size_t>(id)] = out.append(std::move(n)).id();
  }
  for (const auto& o : graph.outputs()) out.output(o.name, out.value(moved[static_cast<size_t>(o.id)]));
  return out;
}

Graph rewrite(const Graph& graph, const Replace& replace) {
  Graph out;
  std::vector<int> moved(static_cast<size_t>(graph.size()), -1);
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    std::vector<Value> inputs;
    for (int in : n.inputs) inputs.push_back(out.value(moved[static_cast<size_t>(in)]));
    Value value = replace(n, id, inputs, out);
    if (value) {
      for (const auto& path : n.paths) out.name(value, path);
    } else {
      Node copy = n;
      for (size_t i = 0; i < inputs.size(); ++i) copy.inputs[i] = inputs[i].id();
      value = out.append(std::move(copy));
    }
    moved[static_cast<size_t>(id)] = value.id();
  }
  for (const auto& o : graph.outputs()) out.output(o.name, out.value(moved[static_cast<size_t>(o.id)]));
  return remove_unused(out);
}

}  // namespace newbie
