// Linear layers, batched products, and the softmax between two of them. Products are computed and given in the op's
// compute dtype: how ONNX's sums are kept is the runtime's choice.
#include <limits>
#include <vector>

#include "graph/ops/attention.h"
#include "onnx/maps/maps.h"

namespace newbie {

namespace {

DType product_dtype(const Node& node) {
  if (node.precision.compute == DType::I8)
    fail_with_hint(ErrorKind::Unsupported, "export in bf16, f16 or f32; quantise with the runtime's own tools",
                   "{} computes with 8-bit numbers: that is not written to ONNX", node.op->name);
  return node.precision.compute;
}

}  // namespace

// x [..., K] · w [N, K]ᵀ + b [N]: Gemm is the product that takes a weight as it is stored.
OnnxResult map_linear(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = product_dtype(node);
  const Shape& x = in[0]->shape;
  std::string rows = e.read(*in[0], dtype);
  if (x.rank() != 2) rows = e.reshape(rows, Shape{x.rows(), x.last()});
  std::vector<std::string> inputs{rows, e.read(*in[1], dtype)};
  if (in.size() == 3) inputs.push_back(e.read(*in[2], dtype));
  std::string y = e.add("Gemm", std::move(inputs), {{"transB", int64_t{1}}});
  if (x.rank() != 2) y = e.reshape(y, node.shape);
  return {y, dtype};
}

OnnxResult map_batched_matmul(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = product_dtype(node);
  const Shape &a = in[0]->shape, &b = in[1]->shape;
  std::string left = e.read(*in[0], dtype), right = e.read(*in[1], dtype);
  if (node.attrs.integer("transpose_b") != 0) right = e.transpose(right, {0, 2, 1});
  const bool shared = a[0] != b[0];  // batches of a that read one of b are more rows of it
  if (shared) left = e.reshape(left, Shape{b[0], a[0] / b[0] * a[1], a[2]});
  std::string y = e.add("MatMul", {left, right});
  if (shared) y = e.reshape(y, node.shape);
  return {y, dtype};
}

OnnxResult map_attention_softmax(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = node.precision.accumulate;
  const bool causal = node.attrs.integer("causal") != 0;
  const int64_t queries = node.shape[1], keys = node.shape[2], window = node.attrs.integer("window");
  std::string scores = e.add("Mul", {e.read(*in[0], dtype), e.number(node.attrs.real("scale"), dtype)});
  if (causal) {
    std::vector<float> mask(Shape{queries, keys}.elements(), -std::numeric_limits<float>::infinity());
    for (int64_t row = 0; row < queries; ++row) {
      const KeyRange seen = visible_keys(row, keys, causal, window);
      for (int64_t key = seen.first; key < seen.last; ++key) mask[static_cast<size_t>(row * keys + key)] = 0;
    }
    scores = e.add("Add", {scores, e.numbers({queries, keys}, mask, dtype)});
  }
  return {e.add("Softmax", {scores}, {{"axis", int64_t{-1}}}), dtype};
}

}  // namespace newbie
