#include "graph/ops/conv2d.h"

#include <algorithm>

#include "graph/ops/require.h"
#include "graph/ops/take_up.h"

namespace newbie {

const OpDef conv2d_op{
    .name = "conv2d",
    .numeric_class = NumericClass::Convolution,
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          require_inputs(in, 3);
          require_rank(in[0], 3, "x");
          require_rank(in[1], 4, "weight");
          const Shape &x = in[0].shape(), &w = in[1].shape();
          const auto& pad = attrs.list("padding");
          const int64_t stride = attrs.integer("stride");
          require(pad.size() == 4 && std::ranges::all_of(pad, [](int64_t p) { return p >= 0; }),
                  "padding must be four counts: top, left, bottom, right");
          require(x[2] == w[1], fmt::format("x {} has not the channels of weight {}", x.str(), w.str()));
          require_shape(in[2], {w[0]}, "bias");
          const int64_t h = x[0] + pad[0] + pad[2] - w[2], ww = x[1] + pad[1] + pad[3] - w[3];
          require(stride > 0 && h >= 0 && ww >= 0, fmt::format("x {} is smaller than the kernel {}", x.str(), w.str()));
          return Shape{h / stride + 1, ww / stride + 1, w[0]};
        },
    .cost =
        [](std::span<const Shape> in, const Shape& out, const Attrs&) {
          const Shape& w = in[1];  // [out, in, kernel, kernel]
          return 2 * static_cast<double>(out.elements()) * static_cast<double>(w.elements()) /
                 static_cast<double>(w[0]);
        },
    .rescale = {ScaleLaw::Chosen, 0, take_up_matrix},
    .inside = {InsideSums::Products}};

Value conv2d(const Scope& scope, Value x, int64_t out_channels, int64_t kernel, int64_t stride, Padding padding) {
  const Value w = scope.weight("weight", {out_channels, x.shape()[2], kernel, kernel});
  return x.graph().emit(
      conv2d_op, {x, w, scope.weight("bias", {out_channels})},
      {{"stride", stride}, {"padding", std::vector<int64_t>{padding.top, padding.left, padding.bottom, padding.right}}},
      scope.path());
}

}  // namespace newbie
