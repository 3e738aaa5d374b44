#include "compile/attach_adapters.h"

#include <algorithm>
#include <cmath>

#include "compile/rewrite.h"
#include "core/scaled_weight.h"
#include "graph/ops/all.h"

namespace newbie {

namespace {

constexpr std::string_view kAttached = ".adapter.";

// Takes one linear op through its steps.
class Attachment {
 public:
  Attachment(Value x, ScaledWeight base, std::string path) : x_(x), base_(std::move(base)), path_(std::move(path)) {}

  Value after(Value y, const AttachedStep& step) {
    ++count_;
    switch (step.kind) {
      case AttachedStep::Kind::LowRank: return low_rank(y, step);
      case AttachedStep::Kind::RowFactors: return mul(y, weight(step.weights[0]));
      case AttachedStep::Kind::Kronecker:
      case AttachedStep::Kind::Difference: break;
    }
    const int64_t rows = rows_of(step), first = step.first_column, end = first + rows, all = y.shape().last();
    if (rows == all) return sum(y, step, 0);
    // A part of y's columns.
    Value out = sum(slice_columns(y, first, end), step, first);
    if (first > 0) out = concat_columns(slice_columns(y, 0, first), out);
    return end < all ? concat_columns(out, slice_columns(y, end, all)) : out;
  }

 private:
  Graph& graph() const { return x_.graph(); }
  std::string name(std::string_view what) const { return fmt::format("{}{}{}.{}", path_, kAttached, count_, what); }

  Value weight(const AttachedWeight& w) const { return graph().weight(w.name, w.shape); }

  // Rows of the base that were taken times powers of two, counted from `first` on.
  std::vector<RowScale> rows_from(int64_t first, int64_t count) const {
    std::vector<RowScale> out;
    for (const RowScale& r : base_.rows) {
      const RowScale here{std::max(r.begin - first, int64_t{0}), std::min(r.end - first, count), r.log2};
      if (here.begin < here.end) out.push_back(here);
    }
    return out;
  }

  // The last factor, whose first row makes column `first` of the result, is taken times what the base is.
  Value last_weight(const AttachedWeight& w, int64_t first) const {
    return graph().weight(scaled_weight_name(w.name, base_.log2, rows_from(first, w.shape[0])), w.shape);
  }

  Value low_rank(Value y, const AttachedStep& step) const {
    Value low = linear(x_, weight(step.weights[0]), {}, name("down"));
    if (step.scale != 1) {
      const int64_t rank = step.weights[0].shape[0];
      std::vector<float> scales(static_cast<size_t>(rank), static_cast<float>(step.scale));
      low = mul(low, graph().constant({rank}, std::move(scales)), name("scaled"));
    }
    return linear_add(low, last_weight(step.weights[1], 0), y, name("up"));
  }

  static int64_t rows_of(const AttachedStep& step) {
    const int64_t rows = step.weights[0].shape[0];
    return step.kind == AttachedStep::Kind::Kronecker ? rows * step.weights[1].shape[0] : rows;
  }

  Value sum(Value y, const AttachedStep& step, int64_t first) const {
    return step.kind == AttachedStep::Kind::Kronecker
               ? kronecker(y, step.weights, first)
               : linear_add(x_, last_weight(step.weights[0], first), y, name("difference"));
  }

  // x of S rows is [S, b, d]: kron(w1 [a, b], w2 [c, d]) takes its middle by w1, then its end by w2.
  Value kronecker(Value y, const std::vector<AttachedWeight>& w, int64_t first) const {
    const int64_t a = w[0].shape[0], b = w[0].shape[1], c = w[1].shape[0], d = w[1].shape[1], rows = x_.shape().rows();
    const Value middle = reshape(permute(reshape(x_, {rows, b, d}), {0, 2, 1}), {rows * d, b});
    const Value left = linear(middle, weight(w[0]), {}, name("w1"));  // [S · d, a]
    const Value ends = reshape(permute(reshape(left, {rows, d, a}), {0, 2, 1}), {rows * a, d});
    if (base_.rows.empty()) {
      const Value w2 = graph().weight(scaled_weight_name(w[1].name, base_.log2), w[1].shape);
      return reshape(linear_add(ends, w2, reshape(y, {rows * a, c}), name("w2")), y.shape());
    }
    // No factor has rows of its own for every column.
    std::vector<float> factors(static_cast<size_t>(a * c), std::ldexp(1.0f, base_.log2));
    scale_rows(rows_from(first, a * c), 1, 0, factors);
    const Value change = reshape(linear(ends, weight(w[1]), {}, name("w2")), y.shape());
    return add(y, mul(change, graph().constant({a * c}, std::move(factors))));
  }

  Value x_;
  ScaledWeight base_;  // its name is not looked at
  std::string path_;
  int count_ = -1;
};

bool scales_rows(const std::vector<AttachedStep>& steps) {
  return std::ranges::any_of(steps, [](const AttachedStep& s) { return s.kind == AttachedStep::Kind::RowFactors; });
}

}  // namespace

bool is_attached(std::string_view path) { return path.find(kAttached) != std::string_view::npos; }

Graph attach_adapters(const Graph& graph, const AttachedAdapters& adapters) {
  const auto steps_of = [&](const Node& weight) {
    return adapters.steps.find(parse_scaled_weight(weight.paths.front()).name);
  };
  return rewrite(graph, [&](const Node& node, int, const std::vector<Value>& inputs, Graph& out) -> Value {
    if (node.op == &weight_op) {
      const ScaledWeight named = parse_scaled_weight(node.paths.front());
      const auto instead = adapters.replaced.find(named.name);
      return instead == adapters.replaced.end()
                 ? Value{}
                 : out.weight(scaled_weight_name(instead->second, named.log2, named.rows), node.shape);
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Node& weight = graph.node(node.inputs[i]);
      if (weight.op != &weight_op) continue;
      const auto found = steps_of(weight);
      if (found == adapters.steps.end()) continue;
      if (node.op != &linear_op || i != 1)
        fail(ErrorKind::Unsupported, "{}: expected a matrix of a linear layer to adapt, got one that {} reads",
             found->first, node.op->name);

      const bool apart = node.inputs.size() == 3 && scales_rows(found->second);  // factors are not of the bias
      const std::string path = node.paths.empty() ? found->first : node.paths.front();
      Attachment attachment(inputs[0], parse_scaled_weight(weight.paths.front()), path);
      Value y = linear(inputs[0], inputs[1], node.inputs.size() == 3 && !apart ? inputs[2] : Value{});
      for (const AttachedStep& step : found->second) y = attachment.after(y, step);
      return apart ? add(y, inputs[2]) : y;
    }
    return {};
  });
}

}  // namespace newbie
