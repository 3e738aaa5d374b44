#include "graph/ops/norms.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"
#include "graph/ops/require.h"
#include "graph/ops/sums.h"

namespace newbie {

namespace {

void require_rms(std::span<const Value> in) {
  require_axes(in[0], "x");
  require_rank(in[1], 1, "weight");
  const int64_t n = in[1].shape()[0];
  require(n > 0 && in[0].shape().last() % n == 0,
          fmt::format("last axis of {} is not a multiple of the weight's {}", in[0].shape().str(), n));
}

Value ones(Graph& g, int64_t n) { return g.constant({n}, std::vector<float>(static_cast<size_t>(n), 1.0f)); }

// Σ over rows of dy ⊙ y, y being the normed x before its weight of n: what the weight does to a loss.
Value weight_gradient(Value dy, Value y, int64_t n) {
  return sum_rows(reshape(mul(dy, y), {static_cast<int64_t>(y.shape().elements()) / n, n}));
}

// Norms take back what their operand is scaled by: eps is compared with its squares. Weights, and the bias, scale the
// result.
void take_up_norm(Scaling& s) {
  s.attrs.scale("eps", 2 * s.operands[0]);
  for (size_t i = 1; i < s.weights.size(); ++i) s.weights[i] = s.result;
}
void take_up_rms_norm(Scaling& s) {  // its factor is offset + weight
  take_up_norm(s);
  s.attrs.scale("offset", s.result);
}

}  // namespace

const OpDef rms_norm_op{.name = "rms_norm",
                        .numeric_class = NumericClass::Norm,
                        .infer =
                            [](std::span<const Value> in, const Attrs&) {
                              require_inputs(in, 2);
                              require_rms(in);
                              return in[0].shape();
                            },
                        .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                          const Value x = call.inputs[0], w = call.inputs[1];
                          const double eps = call.attrs.real("eps");
                          const int64_t n = w.shape()[0];
                          return {rms_norm_gradient(x, w, dy, eps, call.attrs.real("offset")),
                                  weight_gradient(dy, rms_norm(x, ones(x.graph(), n), eps), n)};
                        },
                        .rescale = {ScaleLaw::Chosen, 0, take_up_rms_norm},
                        .inside = {InsideSums::RmsNorm}};

const OpDef layer_norm_op{.name = "layer_norm",
                          .numeric_class = NumericClass::Norm,
                          .infer =
                              [](std::span<const Value> in, const Attrs&) {
                                require(in.size() == 1 || in.size() == 3, "takes x, or x, weight and bias");
                                require_axes(in[0], "x");
                                for (size_t i = 1; i < in.size(); ++i)
                                  require_shape(in[i], {in[0].shape().last()}, "weight or bias");
                                return in[0].shape();
                              },
                          .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                            const Value x = call.inputs[0];
                            const double eps = call.attrs.real("eps");
                            if (call.inputs.size() == 1) return {layer_norm_gradient(x, dy, eps)};
                            return {layer_norm_gradient(x, dy, eps, call.inputs[1]),
                                    weight_gradient(dy, layer_norm(x, eps), x.shape().last()), sum_rows(dy)};
                          },
                          .rescale = {.law = ScaleLaw::Chosen, .take_up = take_up_norm, .with_weights = 3},
                          .inside = {InsideSums::LayerNorm}};

const OpDef rms_norm_gradient_op{.name = "rms_norm_gradient",  // x, weight, dy
                                 .numeric_class = NumericClass::Norm,
                                 .infer = [](std::span<const Value> in, const Attrs&) {
                                   require_inputs(in, 3);
                                   require_rms(in);
                                   require_shape(in[2], in[0].shape(), "dy");
                                   return in[0].shape();
                                 }};

const OpDef layer_norm_gradient_op{.name = "layer_norm_gradient",  // x, dy, perhaps weight
                                   .numeric_class = NumericClass::Norm,
                                   .infer = [](std::span<const Value> in, const Attrs&) {
                                     require(in.size() == 2 || in.size() == 3, "takes x, dy and perhaps weight");
                                     require_axes(in[0], "x");
                                     require_shape(in[1], in[0].shape(), "dy");
                                     if (in.size() == 3) require_shape(in[2], {in[0].shape().last()}, "weight");
                                     return in[0].shape();
                                   }};

const OpDef group_norm_op{.name = "group_norm",
                          .numeric_class = NumericClass::Norm,
                          .infer =
                              [](std::span<const Value> in, const Attrs& attrs) {
                                require_inputs(in, 3);
                                require_rank(in[0], 3, "x");
                                const int64_t channels = in[0].shape()[2], groups = attrs.integer("groups");
                                require(groups > 0 && channels % groups == 0,
                                        fmt::format("{} channels do not divide into {} groups", channels, groups));
                                for (size_t i = 1; i < 3; ++i) require_shape(in[i], {channels}, "weight or bias");
                                return in[0].shape();
                              },
                          .rescale = {ScaleLaw::Chosen, 0, take_up_norm},
                          .inside = {InsideSums::GroupNorm}};

Value rms_norm(Value x, Value weight, double eps, double offset, std::string path) {
  return x.graph().emit(rms_norm_op, {x, weight}, {{"eps", eps}, {"offset", offset}}, std::move(path));
}

Value rms_norm(const Scope& scope, Value x, int64_t width, double eps, double offset) {
  return rms_norm(x, scope.weight("weight", {width}), eps, offset, scope.path());
}

Value rms_norm_gradient(Value x, Value weight, Value dy, double eps, double offset) {
  return x.graph().emit(rms_norm_gradient_op, {x, weight, dy}, {{"eps", eps}, {"offset", offset}});
}

Value layer_norm_gradient(Value x, Value dy, double eps, Value weight) {
  std::vector<Value> in{x, dy};
  if (weight) in.push_back(weight);
  return x.graph().emit(layer_norm_gradient_op, std::move(in), {{"eps", eps}});
}

Value layer_norm(Value x, double eps, Value weight, Value bias, std::string path) {
  std::vector<Value> in{x};
  if (weight) in.insert(in.end(), {weight, bias});
  return x.graph().emit(layer_norm_op, std::move(in), {{"eps", eps}}, std::move(path));
}

Value layer_norm(const Scope& scope, Value x, double eps) {
  const int64_t n = x.shape().last();
  return layer_norm(x, eps, scope.weight("weight", {n}), scope.weight("bias", {n}), scope.path());
}

Value group_norm(const Scope& scope, Value x, int64_t groups, double eps) {
  const int64_t n = x.shape().last();
  return x.graph().emit(group_norm_op, {x, scope.weight("weight", {n}), scope.weight("bias", {n})},
                        {{"groups", groups}, {"eps", eps}}, scope.path());
}

}  // namespace newbie
