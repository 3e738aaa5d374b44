// What moves elements and computes nothing: in the dtype that they have.
#include <vector>

#include "onnx/maps/maps.h"

namespace newbie {

namespace {

OnnxResult slice(Emitter& e, const Node& node, OnnxOperand& x, int64_t axis) {
  const auto at = [&](std::string_view name) { return e.integers({node.attrs.integer(name)}); };
  return {e.add("Slice", {e.read(x, x.dtype), at("begin"), at("end"), e.integers({axis})}), x.dtype};
}

OnnxResult concat(Emitter& e, const Node& node, std::span<OnnxOperand* const> in, int64_t axis) {
  const DType dtype = node.spec().dtype;
  return {e.add("Concat", {e.read(*in[0], dtype), e.read(*in[1], dtype)}, {{"axis", axis}}), dtype};
}

}  // namespace

OnnxResult map_reshape(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return {e.reshape(e.read(*in[0], in[0]->dtype), node.shape), in[0]->dtype};
}

OnnxResult map_permute(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const std::vector<int64_t>& axes = node.attrs.list("axes");
  OnnxOperand& x = *in[0];
  const Shape& s = x.shape;
  // From a latent to a picture and back: the second form of a picture is the latent.
  if (axes == std::vector<int64_t>{1, 2, 0})
    return {e.reshape(e.read(x, x.dtype), Shape{1, s[0], s[1], s[2]}), x.dtype, true};
  if (axes == std::vector<int64_t>{2, 0, 1} && !x.channels.empty())
    return {e.reshape(e.read_channels(x, x.dtype), node.shape), x.dtype};
  return {e.transpose(e.read(x, x.dtype), axes), x.dtype};
}

OnnxResult map_slice_rows(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return slice(e, node, *in[0], 0);
}
OnnxResult map_slice_columns(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return slice(e, node, *in[0], node.shape.rank() - 1);
}
OnnxResult map_concat_rows(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return concat(e, node, in, 0);
}
OnnxResult map_concat_columns(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return concat(e, node, in, node.shape.rank() - 1);
}

}  // namespace newbie
