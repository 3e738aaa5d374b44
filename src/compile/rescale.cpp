#include "compile/rescale.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "compile/rewrite.h"
#include "core/scaled_weight.h"
#include "graph/ops/all.h"

namespace newbie {

namespace {

struct LawRow {
  const OpDef* op;
  OpScale scale;
};
const LawRow kLaws[] = {
    {&linear_op, {ScaleLaw::Chosen}},
    {&conv2d_op, {ScaleLaw::Chosen}},
    {&rms_norm_op, {ScaleLaw::Chosen}},
    {&layer_norm_op, {ScaleLaw::Chosen}},
    {&group_norm_op, {ScaleLaw::Chosen}},
    {&embedding_op, {ScaleLaw::Chosen}},
    {&attention_softmax_op, {ScaleLaw::Absorbed}},
    {&attention_op, {ScaleLaw::Attention}},
    {&batched_matmul_op, {ScaleLaw::Product}},
    {&mul_op, {ScaleLaw::Product}},
    {&add_op, {ScaleLaw::Joined}},
    {&gated_residual_op, {ScaleLaw::Joined}},
    {&concat_rows_op, {ScaleLaw::Joined}},
    {&concat_columns_op, {ScaleLaw::Joined}},
    {&swiglu_op, {ScaleLaw::Carried, 1}},
    {&geglu_tanh_op, {ScaleLaw::Carried, 1}},
    {&modulate_op, {ScaleLaw::Carried}},
    {&rope_op, {ScaleLaw::Carried}},
    {&mean_rows_op, {ScaleLaw::Carried}},
    {&relu_op, {ScaleLaw::Carried}},
    {&max_pool2d_op, {ScaleLaw::Carried}},
    {&average_pool2d_op, {ScaleLaw::Carried}},
    {&reshape_op, {ScaleLaw::Carried}},
    {&slice_rows_op, {ScaleLaw::Carried}},
    {&slice_columns_op, {ScaleLaw::Carried}},
    {&permute_op, {ScaleLaw::Carried}},
    {&upsample_nearest_op, {ScaleLaw::Carried}},
};

// Attributes with one of them times 2^log2.
Attrs times(const Attrs& attrs, std::string_view name, int log2) {
  Attrs out;
  for (Attrs::Item item : attrs.items()) {
    if (item.name == name) item.value = std::ldexp(attrs.real(name), log2);
    out.add(std::move(item));
  }
  return out;
}

bool names(const Rescale& rule, std::span<const std::string> paths) {
  return std::ranges::any_of(paths, [&](const std::string& path) { return glob_matches(rule.path_glob, path); });
}

class Rescaler {
 public:
  Rescaler(const Graph& graph, std::span<const Rescale> rules, const std::string& part)
      : graph_(graph), rules_(rules), paths_(policy_paths(graph, part)) {}

  Graph run() {
    for (int id = 0; id < graph_.size(); ++id) moved_.push_back(rewritten(id));
    for (const Graph::Output& o : graph_.outputs()) out_.output(o.name, brought(moved_[static_cast<size_t>(o.id)], 0));
    return remove_unused(out_);
  }

 private:
  int scale(Value v) const { return scale_[static_cast<size_t>(v.id())]; }

  Value add(Node node, int log2) {
    const Value v = out_.append(std::move(node));
    scale_.resize(static_cast<size_t>(v.id()) + 1, 0);  // sources that were made meanwhile are true
    scale_.back() = log2;
    return v;
  }

  // `v` times what makes its scale `log2`.
  Value brought(Value v, int log2) {
    const int by = log2 - scale(v);
    if (by == 0) return v;
    Value& known = brought_[{v.id(), log2}];
    if (known) return known;
    const int64_t width = v.shape().last();
    const Value row = out_.constant({width}, std::vector<float>(static_cast<size_t>(width), std::ldexp(1.0f, by)));
    const Value made = out_.emit(mul_op, {v, row});
    scale_.resize(static_cast<size_t>(made.id()) + 1, 0);
    scale_.back() = log2;
    return known = made;
  }

  // The scale asked for an op's result.
  int asked(int id) const {
    const Node& node = graph_.node(id);
    if (node.paths.empty() || is_source(node)) return 0;
    const auto& paths = paths_[static_cast<size_t>(id)];
    if (scale_of(node).law == ScaleLaw::Chosen) return asked_log2(rules_, paths);
    for (const Rescale& rule : rules_)
      if (rule.path_glob.find('*') == std::string::npos && names(rule, paths))
        fail_with_hint(ErrorKind::InvalidRequest, "name the ops whose results go into it",
                       "{}: {} is made by {}, which has no weights to put a power of two into", rule.origin,
                       rule.path_glob, node.op->name);
    return 0;
  }

  Value rewritten(int id) {
    const Node& node = graph_.node(id);
    std::vector<Value> in;
    for (int input : node.inputs) in.push_back(moved_[static_cast<size_t>(input)]);
    Node copy = node;
    const auto operand = [&](size_t i, int log2) { in[i] = brought(in[i], log2); };
    const auto all_true = [&](std::initializer_list<size_t> but) {
      for (size_t i = 0; i < in.size(); ++i)
        if (std::ranges::find(but, i) == but.end()) operand(i, 0);
    };
    const auto made = [&](int log2) {
      copy.inputs.clear();
      for (const Value& v : in) copy.inputs.push_back(v.id());
      return add(std::move(copy), log2);
    };
    const auto weight = [&](size_t i, int log2) {  // operand i is a vector or matrix of weights
      if (log2 == 0) return;
      const Node& w = out_.node(in[i].id());
      if (w.op != &weight_op) return operand(i, scale(in[i]) + log2);
      const Shape shape = w.shape;
      in[i] = out_.weight(scaled_weight_name(w.paths.front(), log2), shape);
      scale_.resize(static_cast<size_t>(out_.size()), 0);
    };

    const OpScale law = scale_of(node);
    const int want = asked(id);
    switch (law.law) {
      case ScaleLaw::Chosen: {
        const bool matrix = node.op == &linear_op || node.op == &conv2d_op;
        if (node.op == &embedding_op) {
          copy.attrs = times(copy.attrs, "scale", want);
        } else if (matrix) {
          weight(1, want - scale(in[0]));
          if (in.size() > 2) weight(2, want);
        } else {
          copy.attrs = times(copy.attrs, "eps", 2 * scale(in[0]));
          if (node.op == &rms_norm_op) copy.attrs = times(copy.attrs, "offset", want);
          for (size_t i = 1; i < in.size(); ++i) weight(i, want);
        }
        return made(want);
      }
      case ScaleLaw::Absorbed:
        copy.attrs = node.op == &attention_softmax_op ? times(copy.attrs, "scale", -scale(in[0]))
                                                      : times(copy.attrs, "eps", 2 * scale(in[0]));
        return made(0);
      case ScaleLaw::Attention:
        copy.attrs = times(copy.attrs, "scale", -scale(in[0]) - scale(in[1]));
        return made(scale(in[2]));
      case ScaleLaw::Carried: all_true({law.carrier}); return made(scale(in[law.carrier]));
      case ScaleLaw::Joined: {
        const int both = std::min(scale(in[0]), scale(in[1]));
        operand(0, both);
        operand(1, both);
        all_true({0, 1});
        return made(both);
      }
      case ScaleLaw::Product: return made(scale(in[0]) + scale(in[1]));
      case ScaleLaw::True: all_true({}); return made(0);
    }
    return made(0);
  }

  const Graph& graph_;
  std::span<const Rescale> rules_;
  std::vector<std::vector<std::string>> paths_;
  Graph out_;
  std::vector<Value> moved_;
  std::vector<int> scale_;  // log2, of every value of out_
  std::map<std::pair<int, int>, Value> brought_;
};

}  // namespace

OpScale scale_of(const Node& node) {
  if (node.op == &layer_norm_op && node.inputs.size() == 1) return {ScaleLaw::Absorbed};
  for (const LawRow& row : kLaws)
    if (row.op == node.op) return row.scale;
  return {};
}

int asked_log2(std::span<const Rescale> rules, std::span<const std::string> paths) {
  const Rescale* best = nullptr;
  const auto literal = [](const Rescale& rule) {
    return std::ranges::count_if(rule.path_glob, [](char c) { return c != '*'; });
  };
  for (const Rescale& rule : rules)
    if (names(rule, paths) && (best == nullptr || literal(rule) >= literal(*best))) best = &rule;
  return best == nullptr ? 0 : best->log2;
}

Graph rescale(const Graph& graph, std::span<const Rescale> rules, const std::string& part) {
  return Rescaler(graph, rules, part).run();
}

}  // namespace newbie
