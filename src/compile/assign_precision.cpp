// The only pass that makes casts.
#include <map>

#include "compile/precision.h"
#include "compile/rewrite.h"
#include "graph/ops/cast.h"
#include "graph/ops/linear_add.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

// Ops whose arithmetic runs in the compute dtype on the operands as they are stored: these get casts. All others widen
// to f32 as they read, which is exact.
bool multiplies_stored_operands(const OpDef& op) {
  return op.numeric_class == NumericClass::Matmul || op.numeric_class == NumericClass::Convolution ||
         op.numeric_class == NumericClass::Attention;
}

// A bias is added to the sum, which is f32: it is never narrowed, whatever it comes from. Nor is what a norm inside the
// op multiplies with.
bool is_bias(size_t operand, const Shape& shape) { return operand > 0 && shape.rank() == 1; }

// What a product is added to is read as it is stored.
bool is_addend(const OpDef& op, size_t operand) { return &op == &linear_add_op && operand == 2; }

bool is_wider(DType a, DType b) { return size_of(a) > size_of(b); }

}  // namespace

Graph assign_precision(const Graph& graph,
                       const std::function<std::optional<DType>(const std::string& name)>& stored_dtype) {
  std::vector<bool> is_output(static_cast<size_t>(graph.size()), false);
  for (const auto& o : graph.outputs()) is_output[static_cast<size_t>(o.id)] = true;

  std::map<std::pair<int, DType>, Value> casts;  // (value in the new graph, dtype) -> its cast or weight copy
  const auto in_dtype = [&](Graph& out, Value v, DType want) {
    const Node& n = out.node(v.id());
    if (n.element == Element::Index || n.spec().dtype == want) return v;
    auto& made = casts[{v.id(), want}];
    if (!made) {
      Node copy;
      if (n.op == &weight_op) {
        copy = n;  // the bank converts weights when it prepares them
      } else {
        copy.op = &cast_op;
        copy.inputs = {v.id()};
        copy.shape = n.shape;
      }
      copy.precision = {want, want, DType::F32};
      made = out.append(std::move(copy));
    }
    return made;
  };

  return rewrite(graph, [&](const Node& node, int id, const std::vector<Value>& inputs, Graph& out) -> Value {
    if (is_source(node)) return {};  // F32 until a use wants a weight otherwise
    Node n = node;
    const NumericClass kind = node.op->numeric_class;
    if (is_output[static_cast<size_t>(id)] && kind != NumericClass::Movement) n.precision.storage = DType::F32;

    for (size_t i = 0; i < inputs.size(); ++i) {
      Value v = inputs[i];
      const Node& source = out.node(v.id());
      if (is_addend(*node.op, i)) {
        // as it is
      } else if (multiplies_stored_operands(*node.op) && is_bias(i, source.shape)) {
        v = in_dtype(out, v, DType::F32);
      } else if (multiplies_stored_operands(*node.op)) {
        // 8-bit numbers are made of bf16 ones, inside the op.
        v = in_dtype(out, v, n.precision.compute == DType::I8 ? DType::BF16 : n.precision.compute);
      } else if (node.op->row_table == i && source.op == &weight_op) {
        const auto stored = stored_dtype(source.paths.front());
        DType want = n.precision.compute;
        if (stored && is_float(*stored) && !is_wider(*stored, want)) want = *stored;
        // A table is looked up, not multiplied: as stored, if that is no wider than float32.
        if (stored && want == DType::F32 && is_float(*stored) && *stored != DType::F64) want = *stored;
        v = in_dtype(out, v, want);
      }
      n.inputs[i] = v.id();
    }
    if (kind == NumericClass::Movement) {
      DType kept = out.node(n.inputs[0]).spec().dtype;
      if (n.inputs.size() > 1) {  // a concatenation keeps the widest of its parts
        for (int in : n.inputs)
          if (is_wider(out.node(in).spec().dtype, kept)) kept = out.node(in).spec().dtype;
        for (int& in : n.inputs) in = in_dtype(out, out.value(in), kept).id();
      }
      n.element = out.node(n.inputs[0]).element;
      if (n.element == Element::Real) n.precision = {kept, kept, kept};
    }
    // The paths of an output are those of its cast, where it needs one: an Observer sees each once.
    if (is_output[static_cast<size_t>(id)] && n.element == Element::Real && n.precision.storage != DType::F32)
      n.paths.clear();
    Value result = out.append(std::move(n));
    if (is_output[static_cast<size_t>(id)]) result = in_dtype(out, result, DType::F32);
    return result;
  });
}

}  // namespace newbie
