#include "compile/band_convolutions.h"

#include "compile/rewrite.h"
#include "graph/ops/all.h"

namespace newbie {

namespace {

bool keeps_rows(const Node& conv) { return conv.op == &conv2d_op && conv.attrs.integer("stride") == 1; }

bool is_enlarging(const Graph& graph, const Node& n) {
  return keeps_rows(n) && graph.node(n.inputs[0]).op == &upsample_nearest_op;
}

// Multiplied in `dtype` and stored so, summed in f32.
bool multiplies_in(const Node& conv, DType dtype) {
  return conv.precision == OpPrecision{dtype, dtype, DType::F32} && (dtype == DType::F32 || dtype == DType::BF16);
}
bool stores(const Node& n, DType dtype) {
  return n.element == Element::Real && n.precision.storage == dtype &&
         (n.op->numeric_class == NumericClass::Movement || n.precision.accumulate == DType::F32);
}

// Convolutions of enlarged pictures whose readers can compute them anew: norms with one reader, which is a convolution,
// and convolutions themselves.
std::vector<bool> computed_anew(const Graph& graph, const std::vector<int>& uses) {
  const auto size = static_cast<size_t>(graph.size());
  std::vector<int> readers(size, 0);  // that can
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    if (!keeps_rows(n)) continue;
    const int source = n.inputs[0];
    const Node& before = graph.node(source);
    if (before.op == &group_norm_silu_op && uses[static_cast<size_t>(source)] == 1)
      ++readers[static_cast<size_t>(before.inputs[0])];
    else
      ++readers[static_cast<size_t>(source)];
  }
  std::vector<bool> out(size, false);
  for (int id = 0; id < graph.size(); ++id) {
    const auto i = static_cast<size_t>(id);
    const Node& n = graph.node(id);
    out[i] = is_enlarging(graph, n) && n.shape[0] == graph.node(n.inputs[0]).shape[0] && readers[i] == uses[i];
  }
  return out;
}

}  // namespace

Graph band_convolutions(const Graph& graph, Bands bands) {
  const std::vector<int> uses = count_uses(graph);
  const std::vector<bool> anew =
      bands == Bands::Again ? computed_anew(graph, uses) : std::vector<bool>(static_cast<size_t>(graph.size()), false);

  return rewrite(graph, [&](const Node& node, int, const std::vector<Value>& inputs, Graph& out) -> Value {
    const auto operands_of = [&](Value v) {
      std::vector<Value> in;
      for (int i : out.node(v.id()).inputs) in.push_back(out.value(i));
      return in;
    };
    const auto joined = [&](std::vector<Value> in, const BandedConv& c, const Node& last) {
      const Value v = out.emit(banded_conv2d_op, std::move(in), c.attrs());
      out.node(v.id()).precision = last.precision;
      return v;
    };

    if (node.op == &add_op) {
      const Node& branch = graph.node(node.inputs[1]);
      const Node& made = out.node(inputs[1].id());
      if (made.op != &banded_conv2d_op || uses[static_cast<size_t>(node.inputs[1])] != 1 ||
          made.attrs.integer("residual"))
        return {};
      const DType dtype = branch.precision.compute;
      const Node& sum = graph.node(node.inputs[0]);
      if (!stores(node, dtype) || !stores(sum, dtype) || !(sum.shape == branch.shape)) return {};
      BandedConv c = BandedConv::from(made.attrs);
      std::vector<Value> in = operands_of(inputs[1]);
      c.residual = true;
      in.push_back(inputs[0]);
      return joined(std::move(in), c, branch);
    }
    if (!keeps_rows(node) || !multiplies_in(node, node.precision.compute)) return {};
    const DType dtype = node.precision.compute;

    // Behind the last convolution: the norm, then what it reads.
    int source = node.inputs[0];
    Value x = inputs[0];
    BandedConv c;
    c.padding = node.attrs.list("padding");
    std::vector<Value> tail{inputs[1], inputs[2]};
    if (const Node& n = graph.node(source); n.op == &group_norm_silu_op && uses[static_cast<size_t>(source)] == 1 &&
                                            stores(n, dtype) && n.precision.compute == DType::F32) {
      const std::vector<Value> norm = operands_of(x);
      c.groups = n.attrs.integer("groups");
      c.eps = n.attrs.real("eps");
      tail.insert(tail.begin(), {norm[1], norm[2]});
      source = n.inputs[0];
      x = norm[0];
    }
    if (!stores(graph.node(source), dtype)) return {};
    std::vector<Value> in;
    if (const Node& made = out.node(x.id());
        anew[static_cast<size_t>(source)] && made.op == &banded_conv2d_op && made.precision == node.precision) {
      c.upsampled = c.first = true;
      in = operands_of(x);
    } else if (graph.node(source).op == &upsample_nearest_op && uses[static_cast<size_t>(source)] == 1) {
      c.upsampled = true;
      in = {operands_of(x)[0]};
    } else if (c.groups > 0) {
      in = {x};
    } else {
      return {};
    }
    in.insert(in.end(), tail.begin(), tail.end());
    return joined(std::move(in), c, node);
  });
}

}  // namespace newbie
