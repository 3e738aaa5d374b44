// Norms over the last axis, and the mean over rows, in the dtype that the op keeps its inner values in.
#include <vector>

#include "onnx/maps/maps.h"

namespace newbie {

// x · rsqrt(mean(x²) + eps) · (offset + w), written as runtimes know it: they fuse this chain.
OnnxResult map_rms_norm(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = node.precision.accumulate;
  const int64_t n = in[1]->shape[0], width = node.shape.last();
  const double offset = node.attrs.real("offset");
  const bool grouped = n != width;
  std::string x = e.read(*in[0], dtype);
  if (grouped) x = e.reshape(x, Shape{static_cast<int64_t>(node.shape.elements()) / width, width / n, n});
  std::string mean = e.add("Pow", {x, e.number(2, dtype)});
  mean = e.add("ReduceMean", {mean, e.integers({-1})});
  mean = e.add("Add", {mean, e.number(node.attrs.real("eps"), dtype)});
  std::string y = e.add("Div", {x, e.add("Sqrt", {mean})});
  std::string weight = e.read(*in[1], dtype);
  if (offset != 0) weight = e.add("Add", {weight, e.number(offset, dtype)});
  y = e.add("Mul", {y, weight});
  if (grouped) y = e.reshape(y, node.shape);
  return {y, dtype};
}

OnnxResult map_layer_norm(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = node.precision.accumulate;
  const int64_t n = node.shape.last();
  std::vector<std::string> inputs{e.read(*in[0], dtype)};
  if (in.size() == 1)
    inputs.push_back(e.numbers({n}, std::vector<float>(static_cast<size_t>(n), 1.0F), dtype));
  else
    for (OnnxOperand* row : in.subspan(1)) inputs.push_back(e.read(*row, dtype));
  return {e.add("LayerNormalization", std::move(inputs),
                {{"axis", int64_t{-1}}, {"epsilon", static_cast<float>(node.attrs.real("eps"))}}),
          dtype};
}

OnnxResult map_mean_rows(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = node.precision.accumulate;
  return {e.add("ReduceMean", {e.read(*in[0], dtype), e.integers({0})}), dtype};
}

}  // namespace newbie
