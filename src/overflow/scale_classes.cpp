#include "overflow/scale_classes.h"

#include <algorithm>

#include "compile/rescale.h"
#include "core/scaled_weight.h"
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

// The values of a graph by the names of their classes' members.
class NamedValues {
 public:
  explicit NamedValues(const TracedGraph& traced) : traced_(traced), pieces_(result_pieces(traced.graph)) {
    for (const auto& of_one : pieces_)
      for (const ResultPiece& piece : of_one) piece_at_.emplace(piece.slice, piece);
  }

  const std::vector<ResultPiece>& pieces(int id) const { return pieces_[static_cast<size_t>(id)]; }
  bool is_piece(int id) const { return piece_at_.contains(id); }
  bool is_value(int id) const {
    const Node& node = traced_.graph.node(id);
    return node.element == Element::Real && (!is_source(node) || node.op == &input_op) && pieces(id).empty();
  }
  std::string name(int id) const {
    const auto piece = piece_at_.find(id);
    return piece == piece_at_.end() ? traced_.name(id) : traced_.piece_name(piece->second);
  }

 private:
  const TracedGraph& traced_;
  std::vector<std::vector<ResultPiece>> pieces_;
  std::map<int, ResultPiece> piece_at_;
};

void add_ties(const TracedGraph& traced, Ties& ties) {
  const NamedValues values(traced);
  for (int id = 0; id < traced.graph.size(); ++id) {
    if (!values.is_value(id)) continue;
    ties.find(values.name(id));
    const Node& node = traced.graph.node(id);
    if (is_source(node) || values.is_piece(id)) continue;
    for (const size_t i : operands_of(traced.graph, node).tied)
      if (values.is_value(node.inputs[i])) ties.tie(values.name(node.inputs[i]), values.name(id));
  }
}

}  // namespace

ScaleClasses::ScaleClasses(std::span<const TracedGraph* const> graphs) {
  Ties ties;
  for (const TracedGraph* traced : graphs) add_ties(*traced, ties);
  std::map<size_t, size_t> class_of_root;
  for (const auto& [name, unused] : ties.names()) {
    const auto [it, fresh] = class_of_root.emplace(ties.find(name), classes_.size());
    if (fresh) classes_.emplace_back();
    classes_[it->second].members.insert(name);
    at_[name] = it->second;
  }
  for (const TracedGraph* traced : graphs) add_weights(*traced);
}
void ScaleClasses::add_weights(const TracedGraph& traced) {
  const Graph& graph = traced.graph;
  const NamedValues values(traced);
  const auto of_value = [&](int id) -> ScaleClass& { return classes_[at_.at(values.name(id))]; };
  const auto add_source = [&](ScaleClass& own, const std::string& path) {
    own.sources.insert(path);
    all_sources_.insert(path);
  };
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (is_source(node) || node.element != Element::Real) continue;
    const bool chosen = scale_law(node) == ScaleLaw::Chosen && traced.is_named(id);
    const auto& pieces = values.pieces(id);
    if (chosen && pieces.empty()) add_source(of_value(id), traced.rule_path(id));
    for (const ResultPiece& piece : pieces)
      if (chosen) add_source(of_value(piece.slice), piece_path(traced.rule_path(id), piece.begin, piece.end));
    if (!values.is_piece(id))
      for (const size_t i : operands_of(graph, node).plain)
        if (values.is_value(node.inputs[i])) {
          ScaleClass& read = of_value(node.inputs[i]);
          read.must_be_true.insert(values.name(node.inputs[i]));
        }
    if (!chosen) continue;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Node& weight = graph.node(node.inputs[i]);
      if (weight.op != &weight_op || weight.shape.rank() == 0) continue;
      const std::string_view name = parse_scaled_weight(weight.paths.front()).name;
      const auto use = [&](int64_t begin, int64_t end, int made) {
        const std::string key = WeightRange::key(traced.part, name, begin, end);
        of_value(made).weights.emplace(key, 1);
        const bool takes_back =  // a bias does not, and a norm's eps does it
            i == 1 && node.op->numeric_class != NumericClass::Norm && values.is_value(node.inputs[0]);
        if (takes_back) of_value(node.inputs[0]).weights.emplace(key, -1);
      };
      if (pieces.empty()) use(0, weight.shape[0], id);
      for (const ResultPiece& piece : pieces) use(piece.begin, piece.end, piece.slice);
    }
  }
}

const ScaleClass& ScaleClasses::of(const std::string& name) const {
  const auto it = at_.find(name);
  if (it == at_.end()) fail(ErrorKind::Internal, "{} is a value of no graph", name);
  return classes_[it->second];
}

}  // namespace newbie
