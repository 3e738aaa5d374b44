#include "graph/ops/linear.h"

#include "graph/ops/require.h"
#include "graph/ops/take_up.h"

namespace newbie {

const OpDef linear_op{
    .name = "linear",
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
          std::vector<int64_t> out(x.extents().begin(), x.extents().end());
          out.back() = n;
          return Shape(out);
        },
    .cost = [](std::span<const Shape> in, const Shape& out,
               const Attrs&) { return 2 * static_cast<double>(out.elements()) * static_cast<double>(in[0].last()); },
    .rescale = {ScaleLaw::Chosen, 0, take_up_matrix},
    .inside = {InsideSums::Products},
    .int8 = true};

Value linear(Value x, Value weight, Value bias, std::string path) {
  std::vector<Value> in{x, weight};
  if (bias) in.push_back(bias);
  return x.graph().emit(linear_op, std::move(in), {}, std::move(path));
}

Value linear(const Scope& scope, Value x, int64_t out_features, bool bias) {
  const Value w = scope.weight("weight", {out_features, x.shape().last()});
  return linear(x, w, bias ? scope.weight("bias", {out_features}) : Value{}, scope.path());
}

}  // namespace newbie
