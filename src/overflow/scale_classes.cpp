#include "overflow/scale_classes.h"

#include <algorithm>

#include "compile/rescale.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

// Union-find over names.
class Ties {
 public:
  size_t find(const std::string& name) {
    const auto [it, fresh] = at_.emplace(name, parent_.size());
    if (fresh) parent_.push_back(it->second);
    size_t root = it->second;
    while (parent_[root] != root) root = parent_[root] = parent_[parent_[root]];
    return root;
  }
  void tie(const std::string& a, const std::string& b) { parent_[find(a)] = find(b); }
  const std::map<std::string, size_t>& names() const { return at_; }

 private:
  std::map<std::string, size_t> at_;
  std::vector<size_t> parent_;
};

// What a function gives that no scale passes through: the gate of a product.
bool is_gate(const Node& node) {
  return node.op->numeric_class == NumericClass::Activation && scale_law(node) == ScaleLaw::True;
}

// The operands that share the result's scale, and those that must be true.
struct Operands {
  std::vector<size_t> tied, plain;
};

Operands operands_of(const Graph& graph, const Node& node) {
  const size_t count = node.inputs.size();
  const auto but = [&](std::vector<size_t> tied) {
    Operands out{.tied = std::move(tied), .plain = {}};
    for (size_t i = 0; i < count; ++i)
      if (std::ranges::find(out.tied, i) == out.tied.end()) out.plain.push_back(i);
    return out;
  };
  switch (scale_law(node)) {
    case ScaleLaw::Chosen:
    case ScaleLaw::Absorbed: return {};
    case ScaleLaw::Attention: return {.tied = {2}, .plain = {}};
    case ScaleLaw::Carried: return but({node.op->rescale.carrier});
    case ScaleLaw::Joined: return but({0, 1});
    case ScaleLaw::Product:
      if (graph.node(node.inputs[1]).op == &constant_op) return {};  // a rescale's own multiplication
      if (node.op->numeric_class == NumericClass::Matmul)  // scores have a scale of their own; values pass theirs on
        return node.attrs.integer("transpose_b") != 0 ? Operands{} : Operands{.tied = {1}, .plain = {0}};
      return but({is_gate(graph.node(node.inputs[0])) ? size_t{1} : size_t{0}});
    case ScaleLaw::True: return but({});
  }
  return {};
}

}  // namespace

ScaleClasses::ScaleClasses(std::span<const TracedGraph* const> graphs) {
  Ties ties;
  const auto for_values = [&](const auto& f) {
    for (const TracedGraph* traced : graphs)
      for (int id = 0; id < traced->graph.size(); ++id) {
        const Node& node = traced->graph.node(id);
        if (is_source(node) || node.element != Element::Real) continue;
        f(*traced, id, node, operands_of(traced->graph, node));
      }
  };
  const auto is_value = [](const TracedGraph& traced, int id) {
    const Node& node = traced.graph.node(id);
    return node.element == Element::Real && (!is_source(node) || node.op == &input_op);
  };
  for_values([&](const TracedGraph& traced, int id, const Node& node, const Operands& operands) {
    ties.find(traced.name(id));
    for (const size_t i : operands.tied)
      if (is_value(traced, node.inputs[i])) ties.tie(traced.name(node.inputs[i]), traced.name(id));
    for (const int in : node.inputs)
      if (is_value(traced, in)) ties.find(traced.name(in));
  });

  std::map<size_t, size_t> class_of_root;
  for (const auto& [name, unused] : ties.names()) {
    const auto [it, fresh] = class_of_root.emplace(ties.find(name), classes_.size());
    if (fresh) classes_.emplace_back();
    classes_[it->second].members.insert(name);
    at_[name] = it->second;
  }
  for_values([&](const TracedGraph& traced, int id, const Node& node, const Operands& operands) {
    ScaleClass& own = classes_[at_.at(traced.name(id))];
    if (scale_law(node) == ScaleLaw::Chosen && traced.is_named(id)) {
      own.sources.insert(traced.rule_path(id));
      all_sources_.insert(traced.rule_path(id));
    }
    for (const size_t i : operands.plain)
      if (is_value(traced, node.inputs[i])) {
        const std::string name = traced.name(node.inputs[i]);
        classes_[at_.at(name)].must_be_true.insert(name);
      }
  });
}

const ScaleClass& ScaleClasses::of(const std::string& name) const {
  const auto it = at_.find(name);
  if (it == at_.end()) fail(ErrorKind::Internal, "{} is a value of no graph", name);
  return classes_[it->second];
}

}  // namespace newbie
