#include "overflow/range_trace.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "compile/rescale.h"
#include "core/float_formats.h"
#include "graph/ops/sources.h"
#include "overflow/inside.h"
#include "overflow/magnitudes.h"
#include "overflow/weight_ranges.h"

namespace newbie {

namespace {

// The operands that an op norms, raises or multiplies; empty for those that do nothing of the kind.
std::vector<size_t> looked_at(const OpDef& op) {
  const InsideRule& inside = op.inside;
  if (inside.sums == InsideSums::None) return {};
  if (inside.sums == InsideSums::Attention) return {inside.operand, inside.operand + 1};
  return {inside.operand};
}

RowProducts rows_of(const Graph& graph, const Node& attention) {
  const int64_t heads = attention.attrs.integer("heads");
  return {.heads = heads,
          .kv_heads = attention.attrs.integer("kv_heads"),
          .head_size = graph.node(attention.inputs[0]).shape[1] / heads,
          .causal = attention.attrs.integer("causal") != 0,
          .window = attention.attrs.integer("window")};
}

// The largest |sum| of a column on the way to its mean.
double largest_column_sum(std::span<const float> x, size_t columns) {
  std::vector<double> sums(columns, 0.0);
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(sums[i % columns] += static_cast<double>(x[i])));
  return most;
}

std::string inside_key(const std::string& part, const std::string& operand, InsideKind kind, size_t width) {
  return fmt::format("{}|{}|{}|{}", part, operand, to_string(kind), width);
}

Graph copy_of(const Graph& graph) {
  Graph out;
  for (int id = 0; id < graph.size(); ++id) out.append(graph.node(id));
  for (const Graph::Output& o : graph.outputs()) out.output(o.name, out.value(o.id));
  return out;
}

}  // namespace

std::string TracedGraph::piece_name(const ResultPiece& piece) const {
  return part + '.' + piece_path(graph.node(graph.node(piece.slice).inputs[0]).paths.front(), piece.begin, piece.end);
}

std::string TracedGraph::rule_path(int id) const {
  const std::string& path = graph.node(id).paths.front();
  return part + '.' + path.substr(0, path.find(':'));
}

bool TracedGraph::is_named(int id) const { return graph.node(id).paths.front().find(':') == std::string::npos; }

struct RangeTrace::Kept {
  TracedGraph traced;
  std::map<std::string, int> at;              // by path, no sources but inputs
  std::map<int, ResultPiece> pieces;          // by the op that cuts each out
  std::vector<std::vector<int>> readers;      // by value: ops that look at it
  std::map<int, std::vector<float>> waiting;  // operands of attention until both are there
};

RangeTrace::RangeTrace(int threads, Options options) : pool_(threads), options_(std::move(options)) {
  if (options_.absolute_sums) sums_ = std::make_unique<AbsoluteSums>(pool_);
}
RangeTrace::~RangeTrace() = default;

std::vector<const TracedGraph*> RangeTrace::graphs() const {
  std::vector<const TracedGraph*> out;
  for (const auto& [program, kept] : graphs_)
    if (kept->traced.runs != 0) out.push_back(&kept->traced);
  std::ranges::sort(out, {}, [](const TracedGraph* g) { return std::pair(g->part, g->graph.size()); });
  return out;
}

const ValueRange* RangeTrace::find(const std::string& name) const {
  const auto it = value_at_.find(name);
  return it == value_at_.end() ? nullptr : &values_[it->second];
}

const InsideRange* RangeTrace::find(const std::string& part, const std::string& operand, InsideKind kind,
                                    size_t width) const {
  const auto it = inside_at_.find(inside_key(part, operand, kind, width));
  return it == inside_at_.end() ? nullptr : &insides_[it->second];
}

void RangeTrace::on_graph(std::string_view part, const Graph& graph, const Program& program,
                          const WeightSource& weights) {
  if (!options_.part.empty() && part != options_.part) return;
  std::unique_ptr<Kept>& known = graphs_[&program.memory()];
  if (known && known->traced.part == part && known->traced.graph.str() == graph.str()) return;  // of an earlier request
  auto kept = std::make_unique<Kept>();
  kept->traced = {std::string(part), copy_of(graph), 0};
  const auto pieces = result_pieces(graph);
  kept->readers.resize(static_cast<size_t>(graph.size()));
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.element == Element::Real && (!is_source(node) || node.op == &input_op))
      kept->at.emplace(node.paths.front(), id);
    for (const ResultPiece& piece : pieces[static_cast<size_t>(id)]) kept->pieces[piece.slice] = piece;
    if (options_.weights && !is_source(node))
      look_at_weights(part, graph, id, pieces[static_cast<size_t>(id)], weights);
    const bool product = node.op->inside.sums == InsideSums::Products;
    if ((product && !sums_) || (options_.narrow_alone && node.precision.accumulate == DType::F32)) continue;
    for (const size_t operand : looked_at(*node.op))
      kept->readers[static_cast<size_t>(node.inputs[operand])].push_back(id);
    if (product) sums_->add(kept->traced.part, graph, id, weights);
  }
  known = std::move(kept);
}

void RangeTrace::look_at_weights(std::string_view part, const Graph& graph, int id,
                                 const std::vector<ResultPiece>& pieces, const WeightSource& weights) {
  std::string key(part);
  for (const int in : graph.node(id).inputs)
    if (const Node& w = graph.node(in); w.op == &weight_op)
      key += fmt::format("|{} {}", w.paths.front(), to_string(w.precision.storage));
  if (!weights_seen_.insert(key).second) return;  // in the graph of another shape
  for (WeightRange& range : weight_ranges(std::string(part), graph, id, pieces, weights))
    weights_.push_back(std::move(range));
}

void RangeTrace::on_run(const RunPlace& place, std::string_view /*part*/, const Program& program,
                        const Bindings& bindings) {
  now_ = {prompt_, place.evaluation};
  const auto it = graphs_.find(&program.memory());
  running_ = it == graphs_.end() ? nullptr : it->second.get();
  if (running_ == nullptr) return;
  ++running_->traced.runs;
  running_->waiting.clear();
  for (const auto& [name, view] : bindings.inputs)
    if (const auto at = running_->at.find(name); at != running_->at.end()) see(at->second, view);
}

void RangeTrace::on_value(const RunPlace& place, std::string_view /*part*/, const std::string& path,
                          ConstTensorView value) {
  now_ = {prompt_, place.evaluation};
  if (running_ == nullptr) return;
  if (const auto at = running_->at.find(path); at != running_->at.end()) see(at->second, value);
}

void RangeTrace::count(const std::string& name, const Node& made_by, std::span<const float> x, DType stored) {
  const std::string& part = running_->traced.part;
  const Magnitudes seen = magnitudes_of(x, pool_);
  const auto [at, fresh] = value_at_.emplace(name, values_.size());
  if (fresh)
    values_.push_back({.part = part,
                       .path = name.substr(part.size() + 1),
                       .op = std::string(made_by.op->name),
                       .numeric_class = made_by.op->numeric_class});
  ValueRange& range = values_[at->second];
  range.count += x.size();
  range.not_finite += seen.not_finite;
  range.subnormal += seen.subnormal;
  range.vanish += seen.vanish;
  range.spread.add(seen.bins, seen.loss.squares);
  if (const double loss = seen.loss.share(); loss > range.loss) {
    range.loss = loss;
    range.loss_largest = seen.largest;
    range.loss_when = now_;
  }
  if (static_cast<double>(seen.largest) > range.largest) {
    range.largest = seen.largest;
    range.when = now_;
  }
  if (seen.not_finite == 0 || first_bad_ || options_.known_bad.contains(name)) return;
  const bool is_nan = std::ranges::any_of(x, [](float v) { return std::isnan(v); });
  first_bad_ = {.part = part,
                .path = range.path,
                .op = range.op,
                .what = is_nan ? "NaN" : "infinite values",
                .format = stored,
                .when = now_};
}

void RangeTrace::see(int id, ConstTensorView value) {
  const TracedGraph& traced = running_->traced;
  const Node& node = traced.graph.node(id);
  const auto& readers = running_->readers[static_cast<size_t>(id)];
  const bool is_moved = node.op->numeric_class == NumericClass::Movement;  // the numbers of another value
  const auto piece = running_->pieces.find(id);
  const bool is_piece = piece != running_->pieces.end();
  if (is_moved && !is_piece && readers.empty()) return;

  std::vector<float> widened;
  std::span<const float> x;
  if (value.spec.dtype == DType::F32 && reinterpret_cast<uintptr_t>(value.data) % alignof(float) == 0) {
    x = value.span<float>();
  } else {
    widened.resize(value.spec.shape.elements());
    convert(value.spec.dtype, value.data, DType::F32, reinterpret_cast<std::byte*>(widened.data()), widened.size());
    x = widened;
  }

  if (is_piece)
    count(traced.piece_name(piece->second), traced.graph.node(node.inputs[0]), x, value.spec.dtype);
  else if (!is_moved)
    count(traced.name(id), node, x, value.spec.dtype);
  for (const int reader : readers) look_inside(reader, id, x);
}

void RangeTrace::keep(int reader, InsideKind kind, double value, int operand, size_t width) {
  if (!std::isfinite(value)) return;  // an operand's trouble, told there
  const TracedGraph& traced = running_->traced;
  const Node& node = traced.graph.node(reader);
  const std::string& of = traced.graph.node(operand).paths.front();
  const auto [at, fresh] = inside_at_.emplace(inside_key(traced.part, of, kind, width), insides_.size());
  if (fresh)
    insides_.push_back({.part = traced.part,
                        .path = node.paths.front(),
                        .op = std::string(node.op->name),
                        .kind = kind,
                        .when = now_,
                        .operand = of});
  InsideRange& range = insides_[at->second];
  if (value > range.largest) {
    range.largest = value;
    range.when = now_;
  }
  if (value > largest_of(node.precision.accumulate) && !first_bad_ && !options_.known_bad.contains(traced.name(reader)))
    first_bad_ = {.part = traced.part,
                  .path = node.paths.front(),
                  .op = std::string(node.op->name),
                  .what = fmt::format("{} {:.6g}", to_string(kind), value),
                  .inside = true,
                  .format = node.precision.accumulate,
                  .when = now_};
}

void RangeTrace::look_inside(int reader, int id, std::span<const float> x) {
  const Graph& graph = running_->traced.graph;
  const Node& node = graph.node(reader);
  const auto width = static_cast<size_t>(graph.node(id).shape.last());
  const auto norm = [&](const NormSums& sums, size_t n, bool centred) {
    keep(reader, InsideKind::Square, sums.square, id, n);
    keep(reader, InsideKind::SquareSum, sums.square_sum, id, n);
    if (centred) keep(reader, InsideKind::Sum, sums.sum, id, n);
  };
  switch (node.op->inside.sums) {
    case InsideSums::None: return;
    case InsideSums::RmsNorm: {
      const auto n = static_cast<size_t>(graph.node(node.inputs[node.op->inside.weight]).shape[0]);
      return norm(rms_norm_sums(x, n, pool_), n, false);
    }
    case InsideSums::LayerNorm: return norm(layer_norm_sums(x, width, pool_), width, true);
    case InsideSums::GroupNorm: {
      const auto groups = static_cast<size_t>(node.attrs.integer("groups"));
      return norm(group_norm_sums(x, width, groups, pool_), groups, true);
    }
    case InsideSums::Columns: return keep(reader, InsideKind::Sum, largest_column_sum(x, width), id, width);
    case InsideSums::Products:
      return keep(reader, InsideKind::AbsoluteSum, sums_->largest(running_->traced.part, graph, reader, x), id,
                  static_cast<size_t>(node.shape.last()));
    case InsideSums::Softmax: {
      const RowProducts rows{.causal = node.attrs.integer("causal") != 0, .window = node.attrs.integer("window")};
      return keep(reader, InsideKind::Logit,
                  std::abs(node.attrs.real("scale")) * largest_score(x, node.shape[1], node.shape[2], rows), id, width);
    }
    case InsideSums::Attention: return look_at_products(reader, id, x);
  }
}

void RangeTrace::look_at_products(int reader, int id, std::span<const float> x) {
  const Graph& graph = running_->traced.graph;
  const Node& node = graph.node(reader);
  const auto width = static_cast<size_t>(graph.node(id).shape.last());
  const int q = node.inputs[0], k = node.inputs[1], other = id == q ? k : q;
  const auto kept = running_->waiting.find(other);
  if (kept == running_->waiting.end() && q != k) {
    running_->waiting[id] = {x.begin(), x.end()};
    return;
  }
  const std::span<const float> there = q == k ? x : std::span<const float>(kept->second);
  const ProductSums sums =
      largest_products(id == q ? x : there, id == q ? there : x, rows_of(graph, node), sums_ != nullptr, pool_);
  keep(reader, InsideKind::Logit, std::abs(node.attrs.real("scale")) * sums.product, q, width);
  if (sums_) keep(reader, InsideKind::AbsoluteSum, sums.absolute, q, width);
  if (q != k) running_->waiting.erase(kept);
}

}  // namespace newbie
