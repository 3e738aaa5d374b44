#include "graph/ops/banded_conv2d.h"

#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/group_norm_silu.h"
#include "graph/ops/movement.h"
#include "graph/ops/require.h"

namespace newbie {

namespace {

Attrs conv_attrs(std::vector<int64_t> padding) { return {{"stride", int64_t{1}}, {"padding", std::move(padding)}}; }

// The parts one by one.
Value chain(std::span<const Value> in, const BandedConv& c) {
  Graph& g = in[0].graph();
  Value v = in[0];
  if (c.upsampled) v = upsample_nearest(v);
  if (c.first) v = g.emit(conv2d_op, {v, in[1], in[2]}, conv_attrs({1, 1, 1, 1}));
  if (c.groups > 0)
    v = g.emit(group_norm_silu_op, {v, in[c.norm_weight()], in[c.norm_weight() + 1]},
               {{"groups", c.groups}, {"eps", c.eps}});
  v = g.emit(conv2d_op, {v, in[c.weight()], in[c.weight() + 1]}, conv_attrs(c.padding));
  return c.residual ? add(in[c.residual_operand()], v) : v;
}

}  // namespace

BandedConv BandedConv::from(const Attrs& a) {
  return {.upsampled = a.integer("upsampled") != 0,
          .first = a.integer("first") != 0,
          .groups = a.integer("groups"),
          .eps = a.real("eps"),
          .padding = a.list("padding"),
          .residual = a.integer("residual") != 0};
}

Attrs BandedConv::attrs() const {
  return {{"upsampled", int64_t{upsampled}},
          {"first", int64_t{first}},
          {"groups", groups},
          {"eps", eps},
          {"padding", padding},
          {"residual", int64_t{residual}}};
}

Shape BandedConv::middle(const Shape& x, const Shape& first_weight_shape) const {
  const int64_t scale = upsampled ? 2 : 1;
  return {scale * x[0], scale * x[1], first ? first_weight_shape[0] : x[2]};
}

const OpDef banded_conv2d_op{
    .name = "banded_conv2d",
    .numeric_class = NumericClass::Convolution,
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          const BandedConv c = BandedConv::from(attrs);
          require_inputs(in, c.operands());
          require_rank(in[0], 3, "x");
          if (c.first) {
            require_rank(in[1], 4, "the first weight");
            require(in[1].shape()[2] == 3 && in[1].shape()[3] == 3, "the first weight must be 3 by 3");
          }
          // The rules of the parts, on a graph of shapes.
          Graph g;
          std::vector<Value> parts;
          for (const Value& v : in) parts.push_back(g.input(fmt::format("{}", parts.size()), v.shape()));
          const Shape out = chain(parts, c).shape();
          if (c.residual) require_shape(in[c.residual_operand()], out, "residual");
          return out;
        },
    .decompose = [](std::span<const Value> in, const Attrs& attrs) { return chain(in, BandedConv::from(attrs)); }};

}  // namespace newbie
