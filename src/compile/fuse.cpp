#include "compile/fuse.h"

#include "compile/rewrite.h"
#include "graph/ops/all.h"

namespace newbie {

namespace {

// A norm whose result only `reader` uses, as operand `position`, computed as the reader is; null otherwise.
const Node* norm_before(const Graph& graph, const std::vector<int>& uses, const OpDef& norm, const Node& reader,
                        size_t position) {
  const int id = reader.inputs[position];
  const Node& n = graph.node(id);
  const bool alike =
      n.precision.compute == reader.precision.compute && n.precision.accumulate == reader.precision.accumulate;
  return n.op == &norm && alike && uses[static_cast<size_t>(id)] == 1 ? &n : nullptr;
}

}  // namespace

Graph fuse(const Graph& graph) {
  const std::vector<int> uses = count_uses(graph);

  return rewrite(graph, [&](const Node& node, int, const std::vector<Value>& inputs, Graph& out) -> Value {
    // Operands of the norm at `position`, in the new graph.
    const auto norm_inputs = [&](size_t position) {
      std::vector<Value> in;
      for (int i : out.node(inputs[position].id()).inputs) in.push_back(out.value(i));
      return in;
    };
    const auto fused = [&](const OpDef& op, std::vector<Value> in, Attrs attrs) {
      const Value v = out.emit(op, std::move(in), std::move(attrs));
      out.node(v.id()).precision = node.precision;
      return v;
    };

    if (node.op == &modulate_op) {
      if (const Node* n = norm_before(graph, uses, rms_norm_op, node, 0);
          n && graph.node(n->inputs[1]).shape[0] == node.shape.last()) {
        const auto in = norm_inputs(0);
        return fused(norm_modulate_op, {in[0], in[1], inputs[1]}, n->attrs);
      }
    }
    if (node.op == &gated_residual_op) {
      if (const Node* n = norm_before(graph, uses, rms_norm_op, node, 1);
          n && graph.node(n->inputs[1]).shape[0] == node.shape.last()) {
        const auto in = norm_inputs(1);
        return fused(norm_gated_residual_op, {inputs[0], in[0], in[1], inputs[2]}, n->attrs);
      }
    }
    if (node.op == &add_op && graph.node(node.inputs[0]).shape == graph.node(node.inputs[1]).shape) {
      if (const Node* n = norm_before(graph, uses, rms_norm_op, node, 1);
          n && graph.node(n->inputs[1]).shape[0] == node.shape.last()) {
        const auto in = norm_inputs(1);
        return fused(norm_residual_op, {inputs[0], in[0], in[1]}, n->attrs);
      }
    }
    if (node.op == &rope_op) {
      if (const Node* n = norm_before(graph, uses, rms_norm_op, node, 0);
          n && graph.node(n->inputs[1]).shape[0] == 2 * graph.node(node.inputs[1]).shape[1]) {
        const auto in = norm_inputs(0);
        return fused(norm_rope_op, {in[0], in[1], inputs[1], inputs[2]},
                     {{"eps", n->attrs.real("eps")},
                      {"offset", n->attrs.real("offset")},
                      {"layout", node.attrs.integer("layout")}});
      }
    }
    if (node.op == &silu_op) {
      if (const Node* n = norm_before(graph, uses, group_norm_op, node, 0)) {
        const auto in = norm_inputs(0);
        return fused(group_norm_silu_op, {in[0], in[1], in[2]}, n->attrs);
      }
    }
    return {};
  });
}

}  // namespace newbie
