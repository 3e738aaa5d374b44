// Ops that copy numbers: each is one or two boxes of coordinates, which a shader walks.
#include <array>

#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

namespace {

using Five = std::array<int64_t, 5>;

struct Box {
  std::optional<size_t> input;  // none: zeros are written
  bool halve = false;           // the first two coordinates are halved for the source
  int64_t from = 0, to = 0;     // where it begins
  Five extent{1, 1, 1, 1, 1}, step_from{}, step_to{};
};

// `rows` lines of `count` numbers.
Box lines(std::optional<size_t> input, int64_t rows, int64_t count, int64_t from, int64_t from_row, int64_t to,
          int64_t to_row) {
  return {.input = input,
          .from = from,
          .to = to,
          .extent = {1, 1, 1, rows, count},
          .step_from = {0, 0, 0, from_row, 1},
          .step_to = {0, 0, 0, to_row, 1}};
}

// Zeros, the input's lines and zeros again, side by side.
std::vector<Box> padded(int64_t rows, int64_t before, int64_t width, int64_t after) {
  const int64_t wide = before + width + after;
  return {lines({}, rows, before, 0, 0, 0, wide), lines(0, rows, width, 0, width, before, wide),
          lines({}, rows, after, 0, 0, before + width, wide)};
}

std::vector<Box> boxes_of(const KernelRequest& request) {
  const Shape& y = request.output.shape;
  const auto integer = [&](const char* name) { return request.attrs.integer(name); };
  const auto elements = [](const Shape& s) { return static_cast<int64_t>(s.elements()); };
  const Shape& x = request.inputs[0].shape;
  if (request.op == &slice_columns_op) return {lines(0, y.rows(), y.last(), integer("begin"), x.last(), 0, y.last())};
  if (request.op == &concat_rows_op) {
    const int64_t a = elements(x), b = elements(request.inputs[1].shape);
    return {lines(0, 1, a, 0, 0, 0, 0), lines(1, 1, b, 0, 0, a, 0)};
  }
  if (request.op == &concat_columns_op) {
    const int64_t a = x.last(), b = request.inputs[1].shape.last();
    return {lines(0, y.rows(), a, 0, a, 0, a + b), lines(1, y.rows(), b, 0, b, a, a + b)};
  }
  if (request.op == &pad_rows_op) {
    const int64_t row = y[0] == 0 ? 0 : elements(y) / y[0];
    return padded(1, integer("before") * row, elements(x), integer("after") * row);
  }
  if (request.op == &pad_columns_op) return padded(y.rows(), integer("before"), x.last(), integer("after"));
  Box box{.input = 0};
  if (request.op == &upsample_nearest_op) {
    box.halve = true;
    box.extent = {y[0], y[1], y[2], 1, 1};
    box.step_from = {x[1] * x[2], x[2], 1, 0, 0};
    box.step_to = {y[1] * y[2], y[2], 1, 0, 0};
    return {box};
  }
  const auto& axes = request.attrs.list("axes");  // permute
  const auto step = [](const Shape& s, int axis) {
    int64_t out = 1;
    for (int a = axis + 1; a < s.rank(); ++a) out *= s[a];
    return out;
  };
  for (int i = 0; i < y.rank(); ++i) {
    const auto at = static_cast<size_t>(5 - y.rank() + i);
    box.extent[at] = y[i];
    box.step_from[at] = step(x, static_cast<int>(axes[static_cast<size_t>(i)]));
    box.step_to[at] = step(y, i);
  }
  return {box};
}

int64_t count_of(const Box& box) {
  int64_t out = 1;
  for (const int64_t e : box.extent) out *= e;
  return out;
}

class MovementKernel final : public DeviceKernel {
 public:
  explicit MovementKernel(const KernelRequest& request) : op_(request.op->name) {
    for (const Box& box : boxes_of(request)) {
      const int64_t count = count_of(box);
      if (count == 0) continue;
      boxes_.push_back({box,
                        count,
                        {.shader = Shader::Move,
                         .constants = {size_of(request.output.dtype) == 4, !box.input, box.halve},
                         .groups = groups_for(count, 64),
                         .work = kWorkOfElement * static_cast<double>(count)}});
    }
  }

  std::string name() const override { return fmt::format("vulkan.{}", op_); }

  void record(Recorder& recorder, const Addresses& at) const override {
    for (const auto& [box, count, job] : boxes_) {
      Push push;
      push.address(box.input ? at.inputs[*box.input] : nullptr).address(at.output);
      push.count(count).count(box.from).count(box.to);
      for (const Five& five : {box.extent, box.step_from, box.step_to})
        for (const int64_t value : five) push.count(value);
      dispatch(recorder, job, push);
    }
  }

 private:
  struct Part {
    Box box;
    int64_t count = 0;
    Job job;
  };
  std::string_view op_;
  std::vector<Part> boxes_;
};

}  // namespace

KernelOrNot make_movement(const KernelRequest& request, const Traits&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  return std::make_shared<MovementKernel>(request);
}

}  // namespace newbie::vulkan
