#include "graph/cost.h"

#include "graph/ops/attention.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/linear.h"

namespace newbie {

double floating_operations(const Graph& graph, int id) {
  const Node& n = graph.node(id);
  const auto shape = [&](size_t input) -> const Shape& { return graph.node(n.inputs[input]).shape; };
  const auto elements = static_cast<double>(n.shape.elements());
  if (n.op == &linear_op) return 2 * elements * static_cast<double>(shape(0).last());
  if (n.op == &batched_matmul_op) return 2 * elements * static_cast<double>(shape(0).last());
  if (n.op == &linear_transposed_op) return 2 * elements * static_cast<double>(shape(1)[0]);
  if (n.op == &batched_outer_op) return 2 * elements * static_cast<double>(shape(0)[1]);
  if (n.op == &conv2d_op) {
    const Shape& weight = shape(1);  // [out, in, kernel, kernel]
    return 2 * elements * static_cast<double>(weight.elements()) / static_cast<double>(weight[0]);
  }
  if (n.op == &attention_op) {
    double seen = 0;  // pairs of a query and a key, of one head
    for (int64_t row = 0; row < n.shape[0]; ++row) {
      const KeyRange keys = visible_keys(row, shape(1)[0], n.attrs.integer("causal") != 0, n.attrs.integer("window"));
      seen += static_cast<double>(keys.last - keys.first);
    }
    return 4 * seen * static_cast<double>(n.shape[1]);
  }
  return 0;
}

double floating_operations(const Graph& graph) {
  double total = 0;
  for (int id = 0; id < graph.size(); ++id) total += floating_operations(graph, id);
  return total;
}

}  // namespace newbie
