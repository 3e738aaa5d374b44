// What the network computes with the parameters beside its matrices.
#include <algorithm>

#include "compile/rewrite.h"
#include "graph/ops/dropout.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/linear.h"
#include "graph/ops/movement.h"
#include "graph/ops/sources.h"
#include "train/adapters.h"

namespace newbie {

namespace {

// Each module has a mask of its own: `stream`.
Value dropped(Value x, const AdaptedModule& m, int64_t stream) {
  if (m.dropout == 0) return x;
  Graph& g = x.graph();
  const auto key = g.find_input(kDropoutKey);
  return dropout(x, key ? g.value(*key) : g.input(std::string(kDropoutKey), {8}), m.dropout, stream);
}

// s · B (A x)
Value low_rank(const Scope& s, Value x, const AdaptedModule& m, int64_t stream) {
  x = dropped(x, m, stream);
  const Value down = linear(x, s.weight("lora_A.weight", {m.rank, m.columns}), {}, (s / "lora_A").path());
  const Value up = linear(down, s.weight("lora_B.weight", {m.rows, m.rank}), {}, (s / "lora_B").path());
  return mul_scalar(up, m.scale);
}

// s · kron(w1, w2) x: with x as [outer, inner] a row, w2 works on its rows and w1 across them.
Value kronecker(const Scope& s, Value x, const AdaptedModule& m) {
  const int64_t rows = x.shape().rows(), or_ = m.outer_rows, oc = m.outer_columns;
  const Shape result = [&] {
    std::vector<int64_t> e(x.shape().extents().begin(), x.shape().extents().end());
    e.back() = m.rows;
    return Shape(e);
  }();
  Value y = reshape(x, {rows, oc, m.inner_columns()});
  if (m.rank == 0) {
    y = linear(y, s.weight("lokr_w2", {m.inner_rows(), m.inner_columns()}), {}, (s / "lokr_w2").path());
  } else {
    y = linear(y, s.weight("lokr_w2_b", {m.rank, m.inner_columns()}), {}, (s / "lokr_w2_b").path());
    y = linear(y, s.weight("lokr_w2_a", {m.inner_rows(), m.rank}), {}, (s / "lokr_w2_a").path());
  }
  y = linear(permute(y, {0, 2, 1}), s.weight("lokr_w1", {or_, oc}), {}, (s / "lokr_w1").path());
  return mul_scalar(reshape(permute(y, {0, 2, 1}), result), m.scale);
}

Value adapted_linear(Graph& g, const std::vector<Value>& in, const AdaptedModule& m, int64_t stream) {
  const Scope s(g, m.name);
  if (m.kind != TrainingKind::Dora) {
    const Value base = linear(in[0], in[1], in.size() == 3 ? in[2] : Value());
    return add(base, m.kind == TrainingKind::Lokr ? kronecker(s, in[0], m) : low_rank(s, in[0], m, stream));
  }
  const Value both = add(linear(in[0], in[1]), low_rank(s, in[0], m, stream));
  const Value magnitude = s.weight("lora_magnitude_vector", {m.rows});
  const Value y = mul(both, mul(magnitude, g.input(dora_norm_input(m.name), {m.rows})));
  return in.size() == 3 ? add(y, in[2]) : y;
}

}  // namespace

std::string dora_norm_input(std::string_view module) { return std::string(module) + ".inverse_norm"; }

Graph attach_trained(const Graph& graph, std::span<const AdaptedModule> modules) {
  return rewrite(graph, [&](const Node& node, int, const std::vector<Value>& inputs, Graph& out) -> Value {
    if (node.op != &linear_op || graph.node(node.inputs[1]).op != &weight_op) return {};
    const std::string& weight = graph.node(node.inputs[1]).paths.front();
    const auto module = std::find_if(modules.begin(), modules.end(),
                                     [&](const AdaptedModule& m) { return m.name + ".weight" == weight; });
    return module == modules.end() ? Value() : adapted_linear(out, inputs, *module, module - modules.begin());
  });
}

}  // namespace newbie
