#include "graph/ops/movement.h"

#include <algorithm>

#include "graph/ops/require.h"

namespace newbie {

const OpDef reshape_op{
    .name = "reshape",
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          require_inputs(in, 1);
          const auto& extents = attrs.list("shape");
          require(extents.size() <= Shape::kMaxRank && std::ranges::all_of(extents, [](int64_t e) { return e >= 0; }),
                  fmt::format("shape must be at most {} extents from 0 on", Shape::kMaxRank));
          const Shape shape(extents);
          require(shape.elements() == in[0].shape().elements(),
                  fmt::format("{} has not as many elements as {}", shape.str(), in[0].shape().str()));
          return shape;
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients { return {reshape(dy, call.inputs[0].shape())}; },
    .rescale = {ScaleLaw::Carried},
    .view = true};

const OpDef slice_rows_op{
    .name = "slice_rows",
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          require_inputs(in, 1);
          const Shape& x = in[0].shape();
          const int64_t begin = attrs.integer("begin"), end = attrs.integer("end");
          require(x.rank() >= 1 && 0 <= begin && begin <= end && end <= x[0],
                  fmt::format("rows {}:{} are not in {}", begin, end, x.str()));
          std::vector<int64_t> out(x.extents().begin(), x.extents().end());
          out[0] = end - begin;
          return Shape(out);
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      return {pad_rows(dy, call.attrs.integer("begin"), call.inputs[0].shape()[0] - call.attrs.integer("end"))};
    },
    .rescale = {ScaleLaw::Carried},
    .view = true,
    .view_offset =
        [](std::span<const Value> in, const Attrs& attrs) {
          const Shape& x = in[0].shape();
          return x[0] == 0 ? 0
                           : static_cast<size_t>(attrs.integer("begin")) * (x.elements() / static_cast<size_t>(x[0]));
        }};

const OpDef slice_columns_op{
    .name = "slice_columns",
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          require_inputs(in, 1);
          const Shape& x = in[0].shape();
          const int64_t begin = attrs.integer("begin"), end = attrs.integer("end");
          require(x.rank() >= 1 && 0 <= begin && begin <= end && end <= x.last(),
                  fmt::format("columns {}:{} are not in {}", begin, end, x.str()));
          std::vector<int64_t> out(x.extents().begin(), x.extents().end());
          out.back() = end - begin;
          return Shape(out);
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      return {pad_columns(dy, call.attrs.integer("begin"), call.inputs[0].shape().last() - call.attrs.integer("end"))};
    },
    .rescale = {ScaleLaw::Carried}};

const OpDef permute_op{.name = "permute",
                       .infer =
                           [](std::span<const Value> in, const Attrs& attrs) {
                             require_inputs(in, 1);
                             const auto& axes = attrs.list("axes");
                             const Shape& x = in[0].shape();
                             require(static_cast<int>(axes.size()) == x.rank(), "axes must name every axis once");
                             std::vector<int64_t> out;
                             std::vector<bool> seen(axes.size(), false);
                             for (int64_t a : axes) {
                               require(a >= 0 && a < x.rank() && !seen[static_cast<size_t>(a)],
                                       "axes must name every axis once");
                               seen[static_cast<size_t>(a)] = true;
                               out.push_back(x[static_cast<int>(a)]);
                             }
                             return Shape(out);
                           },
                       .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                         const auto& axes = call.attrs.list("axes");
                         std::vector<int64_t> back(axes.size());
                         for (size_t i = 0; i < axes.size(); ++i)
                           back[static_cast<size_t>(axes[i])] = static_cast<int64_t>(i);
                         return {permute(dy, back)};
                       },
                       .rescale = {ScaleLaw::Carried}};

const OpDef concat_rows_op{.name = "concat_rows",
                           .infer =
                               [](std::span<const Value> in, const Attrs&) {
                                 require_inputs(in, 2);
                                 const Shape &a = in[0].shape(), &b = in[1].shape();
                                 require(a.rank() == 2 && b.rank() == 2 && a[1] == b[1],
                                         fmt::format("{} and {} do not fit", a.str(), b.str()));
                                 return Shape{a[0] + b[0], a[1]};
                               },
                           .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                             const int64_t rows = call.inputs[0].shape()[0];
                             return {slice_rows(dy, 0, rows), slice_rows(dy, rows, dy.shape()[0])};
                           },
                           .rescale = {ScaleLaw::Joined}};

const OpDef concat_columns_op{.name = "concat_columns",
                              .infer =
                                  [](std::span<const Value> in, const Attrs&) {
                                    require_inputs(in, 2);
                                    const Shape &a = in[0].shape(), &b = in[1].shape();
                                    require(
                                        a.rank() >= 1 && a.rank() == b.rank() &&
                                            std::ranges::equal(a.extents().first(static_cast<size_t>(a.rank()) - 1),
                                                               b.extents().first(static_cast<size_t>(b.rank()) - 1)),
                                        fmt::format("{} and {} do not fit", a.str(), b.str()));
                                    std::vector<int64_t> out(a.extents().begin(), a.extents().end());
                                    out.back() += b.last();
                                    return Shape(out);
                                  },
                              .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                                const int64_t width = call.inputs[0].shape().last();
                                return {slice_columns(dy, 0, width), slice_columns(dy, width, dy.shape().last())};
                              },
                              .rescale = {ScaleLaw::Joined}};

const OpDef upsample_nearest_op{.name = "upsample_nearest",
                                .infer =
                                    [](std::span<const Value> in, const Attrs&) {
                                      require_inputs(in, 1);
                                      require_rank(in[0], 3, "x");
                                      const Shape& x = in[0].shape();
                                      return Shape{2 * x[0], 2 * x[1], x[2]};
                                    },
                                .rescale = {ScaleLaw::Carried}};

namespace {

Shape padded(std::span<const Value> in, const Attrs& attrs, bool columns) {
  require_inputs(in, 1);
  require_axes(in[0], "x");
  const int64_t before = attrs.integer("before"), after = attrs.integer("after");
  require(before >= 0 && after >= 0, fmt::format("{} before and {} after must be from 0 on", before, after));
  std::vector<int64_t> out(in[0].shape().extents().begin(), in[0].shape().extents().end());
  int64_t& extent = columns ? out.back() : out.front();
  extent += before + after;
  return Shape(out);
}

}  // namespace

const OpDef pad_rows_op{.name = "pad_rows",
                        .infer = [](std::span<const Value> in, const Attrs& attrs) { return padded(in, attrs, false); },
                        .gradient = [](const GradientCall& call, Value dy) -> Gradients {
                          const int64_t before = call.attrs.integer("before");
                          return {slice_rows(dy, before, before + call.inputs[0].shape()[0])};
                        }};

const OpDef pad_columns_op{
    .name = "pad_columns",
    .infer = [](std::span<const Value> in, const Attrs& attrs) { return padded(in, attrs, true); },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      const int64_t before = call.attrs.integer("before");
      return {slice_columns(dy, before, before + call.inputs[0].shape().last())};
    }};

Value reshape(Value x, const Shape& shape) {
  return x.graph().emit(reshape_op, {x},
                        {{"shape", std::vector<int64_t>(shape.extents().begin(), shape.extents().end())}});
}
Value slice_rows(Value x, int64_t begin, int64_t end) {
  return x.graph().emit(slice_rows_op, {x}, {{"begin", begin}, {"end", end}});
}
Value slice_columns(Value x, int64_t begin, int64_t end) {
  return x.graph().emit(slice_columns_op, {x}, {{"begin", begin}, {"end", end}});
}
Value permute(Value x, const std::vector<int64_t>& axes) { return x.graph().emit(permute_op, {x}, {{"axes", axes}}); }
Value concat_rows(Value a, Value b) { return a.graph().emit(concat_rows_op, {a, b}); }
Value concat_columns(Value a, Value b) { return a.graph().emit(concat_columns_op, {a, b}); }
Value pad_rows(Value x, int64_t before, int64_t after) {
  return x.graph().emit(pad_rows_op, {x}, {{"before", before}, {"after", after}});
}
Value pad_columns(Value x, int64_t before, int64_t after) {
  return x.graph().emit(pad_columns_op, {x}, {{"before", before}, {"after", after}});
}
Value upsample_nearest(Value x) { return x.graph().emit(upsample_nearest_op, {x}); }

}  // namespace newbie
