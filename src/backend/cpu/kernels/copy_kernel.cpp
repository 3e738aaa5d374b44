// Ops that copy runs of bytes: slice_columns, concat_rows, concat_columns, upsample_nearest, and permute where the last
// axis stays.
#include <cstring>

#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/kernels.h"
#include "graph/ops/movement.h"

namespace newbie::cpu {

namespace {

Recipe slice_columns_recipe(const KernelRequest& request) {
  const size_t element = size_of(request.output.dtype);
  const size_t n = checked_mul(static_cast<size_t>(request.output.shape.last()), element);
  const size_t width = checked_mul(static_cast<size_t>(request.inputs[0].shape.last()), element);
  const size_t begin = static_cast<size_t>(request.attrs.integer("begin")) * element;
  return {.run = [=, rows = request.output.shape.rows()](const KernelArgs& args) {
    if (n == 0) return;
    for_row_blocks(args.threads, rows, rows_per_task(n), [&](size_t first, size_t count, int) {
      const std::byte* from = args.inputs[0].data + first * width + begin;
      std::byte* to = args.output.data + first * n;
      for (size_t row = 0; row < count; ++row, from += width, to += n) std::memcpy(to, from, n);
    });
  }};
}

Recipe concat_rows_recipe(const KernelRequest& request) {
  const size_t element = size_of(request.output.dtype);
  const size_t n = checked_mul(static_cast<size_t>(request.output.shape.last()), element);
  const auto of_a = static_cast<size_t>(request.inputs[0].shape[0]);
  return {.run = [=, rows = request.output.shape[0]](const KernelArgs& args) {
    if (n == 0) return;
    for_row_blocks(args.threads, rows, rows_per_task(n), [&](size_t first, size_t count, int) {
      const size_t head = first < of_a ? std::min(count, of_a - first) : 0;  // rows of this block that are a's
      std::byte* to = args.output.data + first * n;
      if (head != 0) std::memcpy(to, args.inputs[0].data + first * n, head * n);
      if (head != count)
        std::memcpy(to + head * n, args.inputs[1].data + (first + head - of_a) * n, (count - head) * n);
    });
  }};
}

Recipe concat_columns_recipe(const KernelRequest& request) {
  const size_t element = size_of(request.output.dtype);
  const size_t a = checked_mul(static_cast<size_t>(request.inputs[0].shape.last()), element);
  const size_t b = checked_mul(static_cast<size_t>(request.inputs[1].shape.last()), element);
  return {.run = [=, rows = request.output.shape.rows()](const KernelArgs& args) {
    for_row_blocks(args.threads, rows, rows_per_task(a + b), [&](size_t first, size_t count, int) {
      std::byte* to = args.output.data + first * (a + b);
      for (size_t row = first; row < first + count; ++row, to += a + b) {
        if (a != 0) std::memcpy(to, args.inputs[0].data + row * a, a);
        if (b != 0) std::memcpy(to + a, args.inputs[1].data + row * b, b);
      }
    });
  }};
}

Recipe upsample_recipe(const KernelRequest& request) {
  const size_t pixel = checked_mul(static_cast<size_t>(request.output.shape[2]), size_of(request.output.dtype));
  const auto width = static_cast<size_t>(request.inputs[0].shape[1]);
  const size_t row_bytes = checked_mul(2 * width, pixel);  // of the result
  return {.run = [=, rows = request.inputs[0].shape[0]](const KernelArgs& args) {
    if (row_bytes == 0) return;
    for_row_blocks(args.threads, rows, rows_per_task(2 * row_bytes), [&](size_t first, size_t count, int) {
      for (size_t row = first; row < first + count; ++row) {
        const std::byte* from = args.inputs[0].data + row * width * pixel;
        std::byte* line = args.output.data + 2 * row * row_bytes;
        for (size_t column = 0; column < width; ++column, from += pixel) {
          std::memcpy(line + 2 * column * pixel, from, pixel);
          std::memcpy(line + (2 * column + 1) * pixel, from, pixel);
        }
        std::memcpy(line + row_bytes, line, row_bytes);
      }
    });
  }};
}

// Where the last axis stays the last: runs of it, at other places.
Recipe permute_recipe(const KernelRequest& request) {
  const Shape from = request.inputs[0].shape, to = request.output.shape;
  const std::vector<int64_t> axes = request.attrs.list("axes");
  const size_t n = checked_mul(static_cast<size_t>(to.last()), size_of(request.output.dtype));
  // Runs between neighbours along an axis of the result, counted in the input.
  std::vector<int64_t> step(axes.size(), 1);
  for (size_t i = 0; i + 1 < axes.size(); ++i)
    for (int a = static_cast<int>(axes[i]) + 1; a + 1 < from.rank(); ++a) step[i] *= from[a];
  return {.run = [=](const KernelArgs& args) {
    if (n == 0) return;
    for_row_blocks(args.threads, to.rows(), rows_per_task(n), [&](size_t first, size_t count, int) {
      std::byte* out = args.output.data + first * n;
      for (size_t run = first; run < first + count; ++run, out += n) {
        int64_t source = 0, rest = static_cast<int64_t>(run);
        for (int axis = to.rank() - 2; axis >= 0; --axis) {
          source += rest % to[axis] * step[static_cast<size_t>(axis)];
          rest /= to[axis];
        }
        std::memcpy(out, args.inputs[0].data + static_cast<size_t>(source) * n, n);
      }
    });
  }};
}

bool keeps_last_axis(const KernelRequest& request) {
  const std::vector<int64_t> axes = request.attrs.list("axes");
  return !axes.empty() && axes.back() + 1 == static_cast<int64_t>(axes.size());
}

}  // namespace

std::shared_ptr<const HostKernel> make_copy(const KernelRequest& request, std::string* why_not) {
  for (const TensorSpec& in : request.inputs)
    if (in.dtype != request.output.dtype)
      return refuse(why_not, fmt::format("moves {} into {}, and only casts change a dtype", to_string(in.dtype),
                                         to_string(request.output.dtype)));
  if (request.op == &slice_columns_op) return make_function_kernel(request, slice_columns_recipe(request));
  if (request.op == &concat_rows_op) return make_function_kernel(request, concat_rows_recipe(request));
  if (request.op == &concat_columns_op) return make_function_kernel(request, concat_columns_recipe(request));
  if (request.op == &upsample_nearest_op) return make_function_kernel(request, upsample_recipe(request));
  if (request.op == &permute_op && keeps_last_axis(request))
    return make_function_kernel(request, permute_recipe(request));
  return refuse(why_not, "not a copy of whole runs");
}

}  // namespace newbie::cpu
