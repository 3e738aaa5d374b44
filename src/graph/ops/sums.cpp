#include "graph/ops/sums.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"
#include "graph/ops/require.h"

namespace newbie {

const OpDef sum_rows_op{
    .name = "sum_rows", .numeric_class = NumericClass::Norm, .infer = [](std::span<const Value> in, const Attrs&) {
      require_inputs(in, 1);
      require_axes(in[0], "x");
      return Shape{in[0].shape().last()};
    }};

const OpDef squared_error_op{
    .name = "squared_error",
    .numeric_class = NumericClass::Norm,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 2);
          require_shape(in[1], in[0].shape(), "target");
          require(in[0].shape().elements() > 0, "x has no elements");
          return Shape{1};
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      const Value dx = dy.graph().emit(squared_error_gradient_op, {call.inputs[0], call.inputs[1], dy});
      return {dx, mul_scalar(dx, -1.0)};
    }};

// x, target, dy [1] -> dy · 2 (x − target) / n
const OpDef squared_error_gradient_op{.name = "squared_error_gradient",
                                      .numeric_class = NumericClass::Norm,
                                      .infer = [](std::span<const Value> in, const Attrs&) {
                                        require_inputs(in, 3);
                                        require_shape(in[1], in[0].shape(), "target");
                                        require_shape(in[2], {1}, "dy");
                                        return in[0].shape();
                                      }};

Value sum_rows(Value x) { return x.graph().emit(sum_rows_op, {x}); }

Value sum_to(Value gradient, Shape shape) {
  return gradient.shape() == shape ? gradient : reshape(sum_rows(gradient), shape);
}

Value squared_error(Value x, Value target) { return x.graph().emit(squared_error_op, {x, target}); }

}  // namespace newbie
