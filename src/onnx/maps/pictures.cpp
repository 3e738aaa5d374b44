// Convolutions and what stands between them, all in the form with channels first.
#include <vector>

#include "onnx/maps/maps.h"

namespace newbie {

OnnxResult map_conv2d(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = node.precision.compute;
  if (dtype == DType::BF16) e.need_opset(kOnnxOpsetOfBf16Convolutions, kOnnxIrVersionOfBf16Convolutions);
  const Shape& w = in[1]->shape;
  const int64_t stride = node.attrs.integer("stride");
  return {e.add("Conv", {e.read_channels(*in[0], dtype), e.read(*in[1], dtype), e.read(*in[2], dtype)},
                {{"kernel_shape", std::vector<int64_t>{w[2], w[3]}},
                 {"strides", std::vector<int64_t>{stride, stride}},
                 {"pads", node.attrs.list("padding")}}),  // top, left, bottom, right: in both
          dtype, true};
}

// ONNX's own GroupNormalization changed its meaning between opsets; a norm of each group as an instance has not.
OnnxResult map_group_norm(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = node.precision.accumulate;
  const int64_t groups = node.attrs.integer("groups"), channels = node.shape[2];
  const auto count = static_cast<size_t>(groups);
  const std::string ones = e.numbers({groups}, std::vector<float>(count, 1.0F), dtype);
  const std::string zeros = e.numbers({groups}, std::vector<float>(count, 0.0F), dtype);
  std::string y = e.reshape(e.read_channels(*in[0], dtype), {1, groups, -1});
  y = e.add("InstanceNormalization", {y, ones, zeros}, {{"epsilon", static_cast<float>(node.attrs.real("eps"))}});
  y = e.reshape(y, Shape{1, channels, node.shape[0], node.shape[1]});
  const auto by_channel = [&](OnnxOperand& row) { return e.reshape(e.read(row, dtype), Shape{channels, 1, 1}); };
  y = e.add("Mul", {y, by_channel(*in[1])});
  return {e.add("Add", {y, by_channel(*in[2])}), dtype, true};
}

OnnxResult map_upsample_nearest(Emitter& e, const Node&, std::span<OnnxOperand* const> in) {
  const DType dtype = in[0]->dtype;
  const std::string scales = e.numbers({4}, std::vector<float>{1, 1, 2, 2}, DType::F32);
  return {e.add("Resize", {e.read_channels(*in[0], dtype), "", scales},
                {{"mode", "nearest"}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}}),
          dtype, true};
}

}  // namespace newbie
