#include "overflow/range_trace.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/float_formats.h"
#include "graph/ops/sources.h"
#include "overflow/inside.h"

namespace newbie {

namespace {

// What a pass over numbers counts.
struct Counts {
  float largest = 0;
  uint64_t not_finite = 0, subnormal = 0, vanish = 0;
};

Counts count(std::span<const float> values) {
  constexpr uint32_t kInfinite = 0x7F800000, kNormal = 0x38800000, kVanish = 0x33000000;  // ∞, 2^-14, 2^-25
  uint32_t largest = 0, not_finite = 0, below = 0, vanish = 0, zero = 0;
  for (const float v : values) {
    const uint32_t bits = std::bit_cast<uint32_t>(v) & 0x7FFFFFFF;  // ordered as the magnitudes are
    const uint32_t finite = bits < kInfinite ? bits : 0;
    largest = std::max(largest, finite);
    not_finite += bits >= kInfinite ? 1U : 0U;
    below += bits < kNormal ? 1U : 0U;
    vanish += bits <= kVanish ? 1U : 0U;
    zero += bits == 0 ? 1U : 0U;
  }
  return {std::bit_cast<float>(largest), not_finite, below - vanish, vanish - zero};
}

Counts count(std::span<const float> values, ThreadPool& threads) {
  constexpr size_t kBlock = size_t{1} << 16;
  Counts out;
  std::mutex mutex;
  threads.run(ceil_div(static_cast<int64_t>(values.size()), static_cast<int64_t>(kBlock)), [&](int64_t block, int) {
    const size_t first = static_cast<size_t>(block) * kBlock;
    const Counts here = count(values.subspan(first, std::min(kBlock, values.size() - first)));
    const std::lock_guard lock(mutex);
    out.largest = std::max(out.largest, here.largest);
    out.not_finite += here.not_finite;
    out.subnormal += here.subnormal;
    out.vanish += here.vanish;
  });
  return out;
}

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

std::string TracedGraph::rule_path(int id) const {
  const std::string& path = graph.node(id).paths.front();
  return part + '.' + path.substr(0, path.find(':'));
}

bool TracedGraph::is_named(int id) const { return graph.node(id).paths.front().find(':') == std::string::npos; }

struct RangeTrace::Kept {
  TracedGraph traced;
  std::map<std::string, int> at;              // by path, no sources but inputs
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
  kept->readers.resize(static_cast<size_t>(graph.size()));
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.element == Element::Real && (!is_source(node) || node.op == &input_op))
      kept->at.emplace(node.paths.front(), id);
    const bool product = node.op->inside.sums == InsideSums::Products;
    if ((product && !sums_) || (options_.narrow_alone && node.precision.accumulate == DType::F32)) continue;
    for (const size_t operand : looked_at(*node.op))
      kept->readers[static_cast<size_t>(node.inputs[operand])].push_back(id);
    if (product) sums_->add(kept->traced.part, graph, id, weights);
  }
  known = std::move(kept);
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

void RangeTrace::see(int id, ConstTensorView value) {
  const TracedGraph& traced = running_->traced;
  const Node& node = traced.graph.node(id);
  const auto& readers = running_->readers[static_cast<size_t>(id)];
  const bool moved = node.op->numeric_class == NumericClass::Movement;  // the numbers of another value
  if (moved && readers.empty()) return;

  std::vector<float> widened;
  std::span<const float> x;
  if (value.spec.dtype == DType::F32 && reinterpret_cast<uintptr_t>(value.data) % alignof(float) == 0) {
    x = value.span<float>();
  } else {
    widened.resize(value.spec.shape.elements());
    convert(value.spec.dtype, value.data, DType::F32, reinterpret_cast<std::byte*>(widened.data()), widened.size());
    x = widened;
  }

  if (!moved) {
    const Counts counts = count(x, pool_);
    const auto [at, fresh] = value_at_.emplace(traced.name(id), values_.size());
    if (fresh)
      values_.push_back({.part = traced.part,
                         .path = node.paths.front(),
                         .op = std::string(node.op->name),
                         .numeric_class = node.op->numeric_class});
    ValueRange& range = values_[at->second];
    range.count += x.size();
    range.not_finite += counts.not_finite;
    range.subnormal += counts.subnormal;
    range.vanish += counts.vanish;
    if (static_cast<double>(counts.largest) > range.largest) {
      range.largest = counts.largest;
      range.when = now_;
    }
    if (counts.not_finite != 0 && !first_bad_ && !options_.known_bad.contains(traced.name(id))) {
      const bool is_nan = std::ranges::any_of(x, [](float v) { return std::isnan(v); });
      first_bad_ = {.part = traced.part,
                    .path = node.paths.front(),
                    .op = std::string(node.op->name),
                    .what = is_nan ? "NaN" : "infinite values",
                    .format = value.spec.dtype,
                    .when = now_};
    }
  }
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
