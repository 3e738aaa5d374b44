#include "graph/ops/pool2d.h"

#include <algorithm>

#include "graph/ops/require.h"

namespace newbie {

namespace {

Shape windows(std::span<const Value> in, const Attrs& attrs) {
  require_inputs(in, 1);
  require_rank(in[0], 3, "x");
  const Shape& x = in[0].shape();
  const int64_t kernel = attrs.integer("kernel"), stride = attrs.integer("stride");
  const auto& pad = attrs.list("padding");
  require(kernel > 0 && stride > 0, fmt::format("kernel {} and stride {} must be above 0", kernel, stride));
  require(pad.size() == 4 && std::ranges::all_of(pad, [&](int64_t p) { return p >= 0 && p < kernel; }),
          "padding must be four counts below the kernel: top, left, bottom, right");
  const int64_t h = x[0] + pad[0] + pad[2] - kernel, w = x[1] + pad[1] + pad[3] - kernel;
  require(x[0] > 0 && x[1] > 0 && h >= 0 && w >= 0, fmt::format("x {} is smaller than the kernel {}", x.str(), kernel));
  return {h / stride + 1, w / stride + 1, x[2]};
}

Value pool(const OpDef& op, Value x, int64_t kernel, int64_t stride, Padding p) {
  return x.graph().emit(
      op, {x},
      {{"kernel", kernel}, {"stride", stride}, {"padding", std::vector<int64_t>{p.top, p.left, p.bottom, p.right}}});
}

}  // namespace

const OpDef max_pool2d_op{
    .name = "max_pool2d", .infer = windows, .rescale = {ScaleLaw::Carried}};  // moves the largest, computes nothing
const OpDef average_pool2d_op{.name = "average_pool2d",
                              .numeric_class = NumericClass::Activation,
                              .infer = windows,
                              .rescale = {ScaleLaw::Carried}};

Value max_pool2d(Value x, int64_t kernel, int64_t stride, Padding padding) {
  return pool(max_pool2d_op, x, kernel, stride, padding);
}
Value average_pool2d(Value x, int64_t kernel, int64_t stride, Padding padding) {
  return pool(average_pool2d_op, x, kernel, stride, padding);
}

}  // namespace newbie
