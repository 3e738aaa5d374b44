// Gives every op its dtypes, by its own name and before anything is fused.
#include <algorithm>

#include "compile/attach_adapters.h"
#include "compile/precision.h"
#include "compile/rewrite.h"
#include "graph/ops/sources.h"

namespace newbie {

std::vector<std::vector<std::string>> policy_paths(const Graph& graph, const std::string& part) {
  const auto size = static_cast<size_t>(graph.size());
  std::vector<int> first_reader(size, -1);
  for (int id = graph.size() - 1; id >= 0; --id)
    for (int in : graph.node(id).inputs) first_reader[static_cast<size_t>(in)] = id;
  std::vector<std::vector<std::string>> out(size);
  const std::string prefix = part.empty() ? "" : part + '.';
  for (int id = graph.size() - 1; id >= 0; --id) {
    auto& paths = out[static_cast<size_t>(id)];
    for (const std::string& path : graph.node(id).paths) paths.push_back(prefix + path);
    if (!paths.empty()) continue;
    const int reader = first_reader[static_cast<size_t>(id)];
    const auto output = std::ranges::find(graph.outputs(), id, &Graph::Output::id);
    if (reader >= 0)
      paths = out[static_cast<size_t>(reader)];
    else
      paths = {output == graph.outputs().end() ? part : prefix + output->name};
  }
  return out;
}

Graph decide_precision(const Graph& graph, const PrecisionPolicy& policy, const std::string& part) {
  Graph out = remove_unused(graph);
  const std::vector<std::vector<std::string>> paths = policy_paths(out, part);
  for (int id = 0; id < out.size(); ++id) {
    Node& n = out.node(id);
    if (is_source(n)) continue;
    // What an op's operands are stored in, weights and tables aside.
    DType widest = DType::BF16;
    bool any = false, mixed = false;
    for (int in : n.inputs) {
      const Node& source = out.node(in);
      if (source.op == &weight_op || source.op == &constant_op || source.element != Element::Real) continue;
      const DType stored = source.precision.storage;
      mixed = mixed || (any && stored != widest);
      widest = any && size_of(widest) > size_of(stored) ? widest : stored;
      any = true;
    }
    // bf16 and f16 have no wider 16-bit number in common.
    if (!any || (mixed && size_of(widest) == 2)) widest = DType::F32;
    if (n.op->numeric_class == NumericClass::Movement) {
      n.precision = {widest, widest, widest};
      continue;
    }
    const PrecisionDecision decision = policy.decide(*n.op, paths[static_cast<size_t>(id)]);
    n.precision = decision.precision;
    if (decision.storage_follows) n.precision.storage = widest;
    const bool attached = !n.paths.empty() && is_attached(n.paths.front());  // small, and what is new in the model
    if (n.precision.compute == DType::I8 && (!n.op->int8 || attached)) n.precision.compute = DType::BF16;
  }
  return out;
}

}  // namespace newbie
