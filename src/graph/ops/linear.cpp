#include "graph/ops/linear.h"

#include "graph/ops/attention.h"
#include "graph/ops/movement.h"
#include "graph/ops/require.h"
#include "graph/ops/sums.h"
#include "graph/ops/take_up.h"

namespace newbie {

namespace {

Shape with_last(const Shape& x, int64_t last) {
  std::vector<int64_t> out(x.extents().begin(), x.extents().end());
  out.back() = last;
  return Shape(out);
}

Value as_batch(Value x) { return reshape(x, {1, x.shape().rows(), x.shape().last()}); }  // [..., K] -> [1, rows, K]

// Σ over rows of a[r]ᵀ b[r]: the gradient of a weight.
Value outer(Value a, Value b) {
  return reshape(batched_outer(as_batch(a), as_batch(b)), {a.shape().last(), b.shape().last()});
}

double products_of_rows(std::span<const Shape> in, const Shape& out, const Attrs&) {
  return 2 * static_cast<double>(out.elements()) * static_cast<double>(in[0].last());
}

}  // namespace

const OpDef linear_op{.name = "linear",
                      .numeric_class = NumericClass::Matmul,
                      .infer =
                          [](std::span<const Value> in, const Attrs&) {
                            require(in.size() == 2 || in.size() == 3, "takes x, weight and perhaps bias");
                            require_rank(in[1], 2, "weight");
                            const Shape& x = in[0].shape();
                            require(x.rank() >= 1 && x.last() == in[1].shape()[1],
                                    fmt::format("x {} does not fit weight {}", x.str(), in[1].shape().str()));
                            const int64_t n = in[1].shape()[0];
                            if (in.size() == 3) require_shape(in[2], {n}, "bias");
                            return with_last(x, n);
                          },
                      .gradient =
                          [](const GradientCall& call, Value dy) {
                            Gradients out{linear_transposed(dy, call.inputs[1]), outer(dy, call.inputs[0])};
                            if (call.inputs.size() == 3) out.push_back(sum_rows(dy));
                            return out;
                          },
                      .cost = products_of_rows,
                      .rescale = {ScaleLaw::Chosen, 0, take_up_matrix},
                      .inside = {InsideSums::Products},
                      .int8 = true};

const OpDef linear_transposed_op{
    .name = "linear_transposed",
    .numeric_class = NumericClass::Matmul,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 2);
          require_rank(in[1], 2, "weight");
          const Shape& x = in[0].shape();
          require(x.rank() >= 1 && x.last() == in[1].shape()[0],
                  fmt::format("x {} does not fit weight {} transposed", x.str(), in[1].shape().str()));
          return with_last(x, in[1].shape()[1]);
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      return {linear(dy, call.inputs[1]), outer(call.inputs[0], dy)};
    },
    .cost = products_of_rows,
    .inside = {InsideSums::Products}};

Value linear(Value x, Value weight, Value bias, std::string path) {
  std::vector<Value> in{x, weight};
  if (bias) in.push_back(bias);
  return x.graph().emit(linear_op, std::move(in), {}, std::move(path));
}

Value linear_transposed(Value x, Value weight) { return x.graph().emit(linear_transposed_op, {x, weight}); }

Value linear(const Scope& scope, Value x, int64_t out_features, bool bias) {
  const Value w = scope.weight("weight", {out_features, x.shape().last()});
  return linear(x, w, bias ? scope.weight("bias", {out_features}) : Value{}, scope.path());
}

}  // namespace newbie
