#include "graph/ops/modulation.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/norms.h"
#include "graph/ops/require.h"
#include "graph/ops/sums.h"

namespace newbie {

namespace {
void require_row(const Value& x, const Value& row, std::string_view what) {
  require(broadcasts_row(x.shape(), row.shape()) || x.shape() == row.shape(),
          fmt::format("{} {} is not a row of {}", what, row.shape().str(), x.shape().str()));
}
Value norm(Value x, Value w, const Attrs& a) { return rms_norm(x, w, a.real("eps"), a.real("offset")); }
}  // namespace

const OpDef modulate_op{
    .name = "modulate",
    .numeric_class = NumericClass::Activation,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 2);
          require_row(in[0], in[1], "scale");
          return in[0].shape();
        },
    .decompose = [](std::span<const Value> in, const Attrs&) { return mul(in[0], add_scalar(in[1], 1.0)); },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      const Value x = call.inputs[0], scale = call.inputs[1];
      return {modulate(dy, scale), sum_to(mul(dy, x), scale.shape())};
    },
    .rescale = {ScaleLaw::Carried}};

const OpDef gated_residual_op{
    .name = "gated_residual",
    .numeric_class = NumericClass::Residual,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 3);
          require_shape(in[1], in[0].shape(), "branch");
          require_row(in[0], in[2], "gate");
          return in[0].shape();
        },
    .decompose = [](std::span<const Value> in, const Attrs&) { return add(in[0], mul(in[1], tanh(in[2]))); },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      const Value gain = tanh(call.inputs[2]);
      const Value slope = add_scalar(mul_scalar(mul(gain, gain), -1.0), 1.0);  // of tanh
      return {dy, mul(dy, gain), mul(sum_to(mul(dy, call.inputs[1]), gain.shape()), slope)};
    },
    .rescale = {ScaleLaw::Joined}};

const OpDef norm_modulate_op{
    .name = "norm_modulate",
    .numeric_class = NumericClass::Norm,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 3);
          require_axes(in[0], "x");
          require_shape(in[1], {in[0].shape().last()}, "weight");
          require_row(in[0], in[2], "scale");
          return in[0].shape();
        },
    .decompose = [](std::span<const Value> in, const Attrs& a) { return modulate(norm(in[0], in[1], a), in[2]); },
    .inside = {InsideSums::RmsNorm}};

const OpDef norm_gated_residual_op{
    .name = "norm_gated_residual",
    .numeric_class = NumericClass::Residual,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 4);
          require_axes(in[0], "x");
          require_shape(in[1], in[0].shape(), "branch");
          require_shape(in[2], {in[0].shape().last()}, "weight");
          require_row(in[0], in[3], "gate");
          return in[0].shape();
        },
    .decompose = [](std::span<const Value> in,
                    const Attrs& a) { return gated_residual(in[0], norm(in[1], in[2], a), in[3]); },
    .inside = {InsideSums::RmsNorm, 1, 2}};

const OpDef norm_residual_op{
    .name = "norm_residual",
    .numeric_class = NumericClass::Residual,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 3);
          require_axes(in[0], "x");
          require_shape(in[1], in[0].shape(), "branch");
          require_shape(in[2], {in[0].shape().last()}, "weight");
          return in[0].shape();
        },
    .decompose = [](std::span<const Value> in, const Attrs& a) { return add(in[0], norm(in[1], in[2], a)); },
    .inside = {InsideSums::RmsNorm, 1, 2}};

Value modulate(Value x, Value scale) { return x.graph().emit(modulate_op, {x, scale}); }

Value gated_residual(Value x, Value y, Value gate, std::string path) {
  return x.graph().emit(gated_residual_op, {x, y, gate}, {}, std::move(path));
}

}  // namespace newbie
