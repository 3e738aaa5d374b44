#include "graph/ops/gated_activation.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/require.h"

namespace newbie {

namespace {
Shape same_shapes(std::span<const Value> in, const Attrs&) {
  require_inputs(in, 2);
  require_shape(in[1], in[0].shape(), "up");
  return in[0].shape();
}
}  // namespace

const OpDef swiglu_op{.name = "swiglu",
                      .numeric_class = NumericClass::Activation,
                      .infer = same_shapes,
                      .decompose = [](std::span<const Value> in, const Attrs&) { return mul(silu(in[0]), in[1]); },
                      .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                        const Value gate = call.inputs[0], up = call.inputs[1];
                        return {silu_gradient(gate, mul(dy, up)), mul(dy, silu(gate))};
                      },
                      .rescale = {ScaleLaw::Carried, 1}};
const OpDef geglu_tanh_op{
    .name = "geglu_tanh",
    .numeric_class = NumericClass::Activation,
    .infer = same_shapes,
    .decompose = [](std::span<const Value> in, const Attrs&) { return mul(gelu_tanh(in[0]), in[1]); },
    .rescale = {ScaleLaw::Carried, 1}};

Value swiglu(Value gate, Value up) { return gate.graph().emit(swiglu_op, {gate, up}); }
Value geglu_tanh(Value gate, Value up) { return gate.graph().emit(geglu_tanh_op, {gate, up}); }

}  // namespace newbie
