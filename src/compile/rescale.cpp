#include "compile/rescale.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "compile/rewrite.h"
#include "core/scaled_weight.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/linear.h"
#include "graph/ops/movement.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

bool names(const Rescale& rule, std::span<const std::string> paths) {
  return std::ranges::any_of(paths, [&](const std::string& path) { return glob_matches(rule.path_glob, path); });
}

class Rescaler {
 public:
  Rescaler(const Graph& graph, std::span<const Rescale> rules, const std::string& part)
      : graph_(graph), rules_(rules), paths_(policy_paths(graph, part)), pieces_(result_pieces(graph)) {
    for (int id = 0; id < graph.size(); ++id)
      for (const ResultPiece& piece : pieces_[static_cast<size_t>(id)])
        asked_of_slice_[piece.slice] = asked_log2(rules_, names_of(id, &piece));
  }

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

  // The names of an op's result, or of a piece of it: those of the whole are also its own.
  std::vector<std::string> names_of(int id, const ResultPiece* piece) const {
    std::vector<std::string> out = paths_[static_cast<size_t>(id)];
    const size_t count = piece == nullptr ? 0 : out.size();
    for (size_t i = 0; i < count; ++i) out.push_back(piece_path(out[i], piece->begin, piece->end));
    return out;
  }

  // Rules that name a piece of this op name one that is there.
  void check_pieces(int id) const {
    for (const Rescale& rule : rules_) {
      const std::string& path = rule.path_glob;
      const size_t bracket = path.rfind('[');
      if (bracket == std::string::npos || path.find('*') != std::string::npos) continue;
      if (std::ranges::find(paths_[static_cast<size_t>(id)], path.substr(0, bracket)) ==
          paths_[static_cast<size_t>(id)].end())
        continue;
      const auto& pieces = pieces_[static_cast<size_t>(id)];
      if (std::ranges::any_of(pieces, [&](const ResultPiece& p) {
            return piece_path(path.substr(0, bracket), p.begin, p.end) == path;
          }))
        continue;
      std::string known;
      for (const ResultPiece& p : pieces) known += (known.empty() ? "" : ", ") + piece_path("", p.begin, p.end);
      fail_with_hint(ErrorKind::InvalidRequest,
                     known.empty() ? "its result is not cut: name all of it" : "its pieces are " + known,
                     "{}: {} is no piece that the network cuts out", rule.origin, path);
    }
  }

  // What rows of the weights are multiplied by besides, so that each piece has the scale that it is asked to have.
  std::vector<RowScale> piece_rows(int id, int all) const {
    std::vector<RowScale> out;
    for (const ResultPiece& piece : pieces_[static_cast<size_t>(id)]) {
      const RowScale rows{piece.begin, piece.end, asked_of_slice_.at(piece.slice) - all};
      const bool known = std::ranges::any_of(out, [&](const RowScale& r) { return r.begin == rows.begin; });
      if (rows.log2 != 0 && !known) out.push_back(rows);
    }
    return out;
  }

  // The scale asked for an op's result.
  int asked(int id) const {
    const Node& node = graph_.node(id);
    if (node.paths.empty() || is_source(node)) return 0;
    const auto& paths = paths_[static_cast<size_t>(id)];
    if (scale_law(node) == ScaleLaw::Chosen) {
      check_pieces(id);
      return asked_log2(rules_, paths);
    }
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
    std::vector<RowScale> rows;
    const auto weight = [&](size_t i, int log2) {  // operand i is a vector or matrix of weights
      if (log2 == 0 && (i == 0 || rows.empty())) return;
      const Node& w = out_.node(in[i].id());
      if (w.op != &weight_op) return operand(i, scale(in[i]) + log2);
      const Shape shape = w.shape;
      in[i] = out_.weight(scaled_weight_name(w.paths.front(), log2, rows), shape);
      scale_.resize(static_cast<size_t>(out_.size()), 0);
    };

    const auto take_up = [&](int result) {
      std::vector<int> scales;
      for (const Value& v : in) scales.push_back(scale(v));
      Scaling scaling{
          .operands = scales, .result = result, .attrs = copy.attrs, .weights = std::vector<int>(in.size())};
      node.op->rescale.take_up(scaling);
      for (size_t i = 0; i < in.size(); ++i) weight(i, scaling.weights[i]);
      return made(result);
    };

    const int want = asked(id);
    switch (scale_law(node)) {
      case ScaleLaw::Chosen: rows = piece_rows(id, want); return take_up(want);
      case ScaleLaw::Absorbed: return take_up(0);
      case ScaleLaw::Attention: return take_up(scale(in[2]));
      case ScaleLaw::Carried: {
        const size_t carrier = node.op->rescale.carrier;
        all_true({carrier});
        const auto piece = asked_of_slice_.find(id);
        return made(piece == asked_of_slice_.end() ? scale(in[carrier]) : piece->second);
      }
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
  std::vector<std::vector<ResultPiece>> pieces_;
  std::map<int, int> asked_of_slice_;  // the log2 of pieces, by the op that cuts each out
  Graph out_;
  std::vector<Value> moved_;
  std::vector<int> scale_;  // log2, of every value of out_
  std::map<std::pair<int, int>, Value> brought_;
};

}  // namespace

ScaleLaw scale_law(const Node& node) {
  const ScaleRule& rule = node.op->rescale;
  return node.inputs.size() < rule.with_weights ? ScaleLaw::Absorbed : rule.law;
}

std::string piece_path(std::string_view path, int64_t begin, int64_t end) {
  return fmt::format("{}[{}:{}]", path, begin, end);
}

std::vector<std::vector<ResultPiece>> result_pieces(const Graph& graph) {
  const auto size = static_cast<size_t>(graph.size());
  std::vector<std::vector<ResultPiece>> out(size);
  std::vector<char> is_whole(size, 0);
  for (const Graph::Output& o : graph.outputs()) is_whole[static_cast<size_t>(o.id)] = 1;
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    for (const int in : node.inputs) {
      const Node& made_by = graph.node(in);
      if (node.op == &slice_columns_op && made_by.op == &linear_op && graph.node(made_by.inputs[1]).op == &weight_op)
        out[static_cast<size_t>(in)].push_back({id, node.attrs.integer("begin"), node.attrs.integer("end")});
      else
        is_whole[static_cast<size_t>(in)] = 1;
    }
  }
  for (size_t id = 0; id < size; ++id) {
    auto& pieces = out[id];
    const auto overlap = [&](const ResultPiece& a) {
      return std::ranges::any_of(pieces, [&](const ResultPiece& b) {
        return (a.begin != b.begin || a.end != b.end) && a.begin < b.end && b.begin < a.end;
      });
    };
    if (is_whole[id] != 0 || std::ranges::any_of(pieces, overlap)) pieces.clear();
  }
  return out;
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
