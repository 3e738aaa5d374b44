#include "graph/ops/rope.h"

#include <algorithm>
#include <functional>

#include "graph/ops/elementwise.h"
#include "graph/ops/norms.h"
#include "graph/ops/require.h"

namespace newbie {

namespace {
void require_tables(const Value& x, const Value& cos, const Value& sin) {
  require_rank(x, 2, "x");
  require_rank(cos, 2, "cos");
  require_shape(sin, cos.shape(), "sin");
  require(cos.shape()[0] == x.shape()[0] && cos.shape()[1] > 0 && x.shape()[1] % (2 * cos.shape()[1]) == 0,
          fmt::format("tables {} do not fit x {}", cos.shape().str(), x.shape().str()));
}

// −table. Of a constant it is one too, the same for all who ask: it is as exact as the table, whatever a policy says of
// what is computed.
Value negated(Value table) {
  Graph& g = table.graph();
  const auto values = g.node(table.id()).constant;
  if (!values) return mul_scalar(table, -1.0);
  const auto turns_back = [&](const Node& n) {
    return n.constant && n.shape == table.shape() && n.constant->is_negated(*values);
  };
  for (int id = 0; id < g.size(); ++id)
    if (turns_back(g.node(id))) return g.value(id);
  return g.constant(Shape(table.shape()), values->negated());
}
}  // namespace

const OpDef rope_op{
    .name = "rope",
    .numeric_class = NumericClass::Activation,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 3);
          require_tables(in[0], in[1], in[2]);
          return in[0].shape();
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {  // turned back; tables are fixed
      return {rope(dy, call.inputs[1], negated(call.inputs[2]), static_cast<RopeLayout>(call.attrs.integer("layout"))),
              {},
              {}};
    },
    .rescale = {ScaleLaw::Carried}};

const OpDef norm_rope_op{.name = "norm_rope",
                         .numeric_class = NumericClass::Norm,
                         .infer =
                             [](std::span<const Value> in, const Attrs&) {
                               require_inputs(in, 4);
                               require_tables(in[0], in[2], in[3]);
                               require_shape(in[1], {2 * in[2].shape()[1]}, "weight");
                               return in[0].shape();
                             },
                         .decompose =
                             [](std::span<const Value> in, const Attrs& a) {
                               return rope(rms_norm(in[0], in[1], a.real("eps"), a.real("offset")), in[2], in[3],
                                           static_cast<RopeLayout>(a.integer("layout")));
                             },
                         .inside = {InsideSums::RmsNorm}};

Value rope(Value x, Value cos, Value sin, RopeLayout layout) {
  return x.graph().emit(rope_op, {x, cos, sin}, {{"layout", static_cast<int64_t>(layout)}});
}

}  // namespace newbie
