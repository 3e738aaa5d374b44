#include "graph/ops/elementwise.h"

#include "graph/ops/require.h"
#include "graph/ops/sums.h"

namespace newbie {

namespace {
Shape same(std::span<const Value> in, const Attrs&) {
  require_inputs(in, 1);
  return in[0].shape();
}

Shape same_or_row(std::span<const Value> in, const Attrs&) {
  require_inputs(in, 2);
  require(in[0].shape() == in[1].shape() || broadcasts_row(in[0].shape(), in[1].shape()),
          fmt::format("{} and {} do not fit", in[0].shape().str(), in[1].shape().str()));
  return in[0].shape();
}
}  // namespace

bool broadcasts_row(const Shape& a, const Shape& b) {
  return !(a == b) && a.rank() >= 1 && b.rank() >= 1 && b.last() == a.last() &&
         b.elements() == static_cast<size_t>(b.last());
}

const OpDef silu_op{
    .name = "silu",
    .numeric_class = NumericClass::Activation,
    .infer = same,
    .gradient = [](const GradientCall& call, Value dy) -> Gradients { return {silu_gradient(call.inputs[0], dy)}; }};
const OpDef gelu_tanh_op{.name = "gelu_tanh", .numeric_class = NumericClass::Activation, .infer = same};
const OpDef gelu_erf_op{.name = "gelu_erf", .numeric_class = NumericClass::Activation, .infer = same};
const OpDef tanh_op{.name = "tanh",
                    .numeric_class = NumericClass::Activation,
                    .infer = same,
                    .gradient = [](const GradientCall& call, Value dy) -> Gradients {  // 1 − tanh²
                      const Value y = call.output;
                      return {mul(dy, add_scalar(mul_scalar(mul(y, y), -1.0), 1.0))};
                    }};
const OpDef relu_op{
    .name = "relu", .numeric_class = NumericClass::Activation, .infer = same, .rescale = {ScaleLaw::Carried}};
const OpDef add_scalar_op{.name = "add_scalar",
                          .numeric_class = NumericClass::Activation,
                          .infer = same,
                          .gradient = [](const GradientCall&, Value dy) -> Gradients { return {dy}; }};
const OpDef mul_scalar_op{.name = "mul_scalar",
                          .numeric_class = NumericClass::Activation,
                          .infer = same,
                          .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                            return {mul_scalar(dy, call.attrs.real("scalar"))};
                          },
                          .rescale = {ScaleLaw::Carried}};
const OpDef add_op{.name = "add",
                   .numeric_class = NumericClass::Residual,
                   .infer = same_or_row,
                   .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                     return {dy, sum_to(dy, call.inputs[1].shape())};
                   },
                   .rescale = {ScaleLaw::Joined}};
const OpDef mul_op{.name = "mul",
                   .numeric_class = NumericClass::Activation,
                   .infer = same_or_row,
                   .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                     return {mul(dy, call.inputs[1]), sum_to(mul(dy, call.inputs[0]), call.inputs[1].shape())};
                   },
                   .rescale = {ScaleLaw::Product}};
const OpDef silu_gradient_op{.name = "silu_gradient",
                             .numeric_class = NumericClass::Activation,
                             .infer = [](std::span<const Value> in, const Attrs&) {
                               require_inputs(in, 2);
                               require_shape(in[1], in[0].shape(), "dy");
                               return in[0].shape();
                             }};

Value silu(Value x) { return x.graph().emit(silu_op, {x}); }
Value gelu_tanh(Value x) { return x.graph().emit(gelu_tanh_op, {x}); }
Value gelu_erf(Value x) { return x.graph().emit(gelu_erf_op, {x}); }
Value tanh(Value x) { return x.graph().emit(tanh_op, {x}); }
Value relu(Value x) { return x.graph().emit(relu_op, {x}); }
Value add_scalar(Value x, double scalar) { return x.graph().emit(add_scalar_op, {x}, {{"scalar", scalar}}); }
Value mul_scalar(Value x, double scalar) { return x.graph().emit(mul_scalar_op, {x}, {{"scalar", scalar}}); }
Value silu_gradient(Value x, Value dy) { return x.graph().emit(silu_gradient_op, {x, dy}); }
Value add(Value a, Value b, std::string path) { return a.graph().emit(add_op, {a, b}, {}, std::move(path)); }
Value mul(Value a, Value b, std::string path) { return a.graph().emit(mul_op, {a, b}, {}, std::move(path)); }

}  // namespace newbie
