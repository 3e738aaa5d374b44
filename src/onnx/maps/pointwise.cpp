// Element by element, in the dtype that the op keeps its inner values in. Formulas: graph/ops/elementwise.h.
#include <cmath>
#include <numbers>

#include "onnx/maps/maps.h"

namespace newbie {

namespace {

// A value whose elements may lie in either form.
OnnxResult read_either(Emitter& e, OnnxOperand& x, DType dtype) {
  const bool is_channels = !x.channels.empty();
  return {is_channels ? e.read_channels(x, dtype) : e.read(x, dtype), dtype, is_channels};
}

// `f`, from the name of x to that of the result.
template <typename F>
OnnxResult of_each(Emitter& e, const Node& node, OnnxOperand& operand, F f) {
  OnnxResult x = read_either(e, operand, node.precision.accumulate);
  x.name = f(x.name, x.dtype);
  return x;
}

OnnxResult with_scalar(Emitter& e, const Node& node, OnnxOperand& operand, std::string_view op) {
  return of_each(e, node, operand, [&](const std::string& x, DType dtype) {
    return e.add(op, {x, e.number(node.attrs.real("scalar"), dtype)});
  });
}

// Two values of one shape, or a value and a row.
OnnxResult of_two(Emitter& e, const Node& node, std::span<OnnxOperand* const> in, std::string_view op) {
  const DType dtype = node.precision.accumulate;
  OnnxOperand &a = *in[0], &b = *in[1];
  if (a.shape == b.shape && (!a.channels.empty() || !b.channels.empty()))
    return {e.add(op, {e.read_channels(a, dtype), e.read_channels(b, dtype)}), dtype, true};
  std::string row = e.read(b, dtype);
  if (b.shape.rank() > a.shape.rank()) row = e.reshape(row, Shape{b.shape.last()});
  return {e.add(op, {e.read(a, dtype), row}), dtype};
}

}  // namespace

OnnxResult map_cast(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return read_either(e, *in[0], node.precision.storage);
}

OnnxResult map_silu(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return of_each(e, node, *in[0], [&](const std::string& x, DType) {
    return e.add("Mul", {x, e.add("Sigmoid", {x})});
  });
}

OnnxResult map_gelu_tanh(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return of_each(e, node, *in[0], [&](const std::string& x, DType dtype) {
    const std::string cube = e.add("Pow", {x, e.number(3, dtype)});
    const std::string sum = e.add("Add", {x, e.add("Mul", {cube, e.number(0.044715, dtype)})});
    const std::string inner = e.add("Mul", {sum, e.number(std::sqrt(2 / std::numbers::pi), dtype)});
    const std::string factor = e.add("Add", {e.add("Tanh", {inner}), e.number(1, dtype)});
    return e.add("Mul", {e.add("Mul", {x, e.number(0.5, dtype)}), factor});
  });
}

OnnxResult map_gelu_erf(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return of_each(e, node, *in[0], [&](const std::string& x, DType dtype) {
    const std::string erf = e.add("Erf", {e.add("Div", {x, e.number(std::numbers::sqrt2, dtype)})});
    const std::string factor = e.add("Add", {erf, e.number(1, dtype)});
    return e.add("Mul", {e.add("Mul", {x, factor}), e.number(0.5, dtype)});
  });
}

OnnxResult map_tanh(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return of_each(e, node, *in[0], [&](const std::string& x, DType) { return e.add("Tanh", {x}); });
}
OnnxResult map_add_scalar(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return with_scalar(e, node, *in[0], "Add");
}
OnnxResult map_mul_scalar(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return with_scalar(e, node, *in[0], "Mul");
}
OnnxResult map_add(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return of_two(e, node, in, "Add");
}
OnnxResult map_mul(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  return of_two(e, node, in, "Mul");
}

}  // namespace newbie
