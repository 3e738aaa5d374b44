#include "graph/ops/linear_add.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/linear.h"
#include "graph/ops/require.h"

namespace newbie {

const OpDef linear_add_op{
    .name = "linear_add",
    .numeric_class = NumericClass::Matmul,
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          require_inputs(in, 3);
          const Shape out = linear_op.infer(in.first(2), attrs);
          require_shape(in[2], out, "addend");
          return out;
        },
    .decompose = [](std::span<const Value> in, const Attrs&) { return add(in[2], linear(in[0], in[1])); },
    .cost = [](std::span<const Shape> in, const Shape& out,
               const Attrs&) { return 2 * static_cast<double>(out.elements()) * static_cast<double>(in[0].last()); }};

Value linear_add(Value x, Value weight, Value addend, std::string path) {
  return x.graph().emit(linear_add_op, {x, weight, addend}, {}, std::move(path));
}

}  // namespace newbie
