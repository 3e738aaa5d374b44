// Ops that copy elements: bytes in, the same bytes out.
#include <cstring>

#include "backend/reference/loops.h"

namespace newbie::reference {

namespace {

void copy(const ConstTensorView& from, int64_t first, const TensorView& to, int64_t at, int64_t count) {
  const size_t size = size_of(to.spec.dtype);
  if (count != 0)
    std::memcpy(to.data + static_cast<size_t>(at) * size, from.data + static_cast<size_t>(first) * size,
                static_cast<size_t>(count) * size);
}

}  // namespace

Loops slice_columns_loops(const KernelRequest& request) {
  const int64_t rows = request.output.shape.rows(), n = request.output.shape.last();
  const int64_t width = request.inputs[0].shape.last(), begin = request.attrs.integer("begin");
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    for_blocks(args.threads, rows, rows_per_task(n), [&](int64_t first, int64_t last, int) {
      for (int64_t row = first; row < last; ++row) copy(args.inputs[0], row * width + begin, args.output, row * n, n);
    });
  }};
}

Loops permute_loops(const KernelRequest& request) {
  const Shape from = request.inputs[0].shape, to = request.output.shape;
  const std::vector<int64_t> axes = request.attrs.list("axes");
  // Elements between neighbours along an axis of the result, counted in the input.
  std::vector<int64_t> step(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    step[i] = 1;
    for (int a = static_cast<int>(axes[i]) + 1; a < from.rank(); ++a) step[i] *= from[a];
  }
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    const int64_t n = to.last();
    for_blocks(args.threads, to.rows(), rows_per_task(n), [&](int64_t first, int64_t last, int) {
      for (int64_t row = first; row < last; ++row) {
        int64_t source = 0, rest = row;
        for (int axis = to.rank() - 2; axis >= 0; --axis) {
          source += rest % to[axis] * step[static_cast<size_t>(axis)];
          rest /= to[axis];
        }
        for (int64_t i = 0; i < n; ++i) copy(args.inputs[0], source + i * step.back(), args.output, row * n + i, 1);
      }
    });
  }};
}

Loops concat_rows_loops(const KernelRequest& request) {
  const auto a = static_cast<int64_t>(request.inputs[0].shape.elements());
  const auto b = static_cast<int64_t>(request.inputs[1].shape.elements());
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    copy(args.inputs[0], 0, args.output, 0, a);
    copy(args.inputs[1], 0, args.output, a, b);
  }};
}

Loops concat_columns_loops(const KernelRequest& request) {
  const int64_t a = request.inputs[0].shape.last(), b = request.inputs[1].shape.last();
  return {.run = [=, rows = request.output.shape.rows()](const KernelArgs& args, const WorkerScratch&) {
    for_blocks(args.threads, rows, rows_per_task(a + b), [&](int64_t first, int64_t last, int) {
      for (int64_t row = first; row < last; ++row) {
        copy(args.inputs[0], row * a, args.output, row * (a + b), a);
        copy(args.inputs[1], row * b, args.output, row * (a + b) + a, b);
      }
    });
  }};
}

namespace {

// The input's lines of `width` elements, in [rows][before + width + after] of the result; the rest is zeros.
Loops padded_lines(int64_t lines, int64_t width, int64_t before, int64_t after) {
  const int64_t wide = before + width + after;
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    const size_t size = size_of(args.output.spec.dtype);
    for_blocks(args.threads, lines, rows_per_task(wide), [&](int64_t first, int64_t last, int) {
      for (int64_t line = first; line < last; ++line) {
        std::byte* out = args.output.data + static_cast<size_t>(line * wide) * size;
        std::memset(out, 0, static_cast<size_t>(before) * size);
        copy(args.inputs[0], line * width, args.output, line * wide + before, width);
        std::memset(out + static_cast<size_t>(before + width) * size, 0, static_cast<size_t>(after) * size);
      }
    });
  }};
}

}  // namespace

Loops pad_rows_loops(const KernelRequest& request) {
  const Shape& y = request.output.shape;
  const int64_t row = y[0] == 0 ? 0 : static_cast<int64_t>(y.elements()) / y[0];
  return padded_lines(1, static_cast<int64_t>(request.inputs[0].shape.elements()),
                      request.attrs.integer("before") * row, request.attrs.integer("after") * row);
}

Loops pad_columns_loops(const KernelRequest& request) {
  return padded_lines(request.output.shape.rows(), request.inputs[0].shape.last(), request.attrs.integer("before"),
                      request.attrs.integer("after"));
}

Loops upsample_nearest_loops(const KernelRequest& request) {
  const Shape y = request.output.shape;
  const int64_t channels = y[2], width = y[1];
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    for_blocks(args.threads, y[0], rows_per_task(width * channels), [&](int64_t first, int64_t last, int) {
      for (int64_t row = first; row < last; ++row)
        for (int64_t column = 0; column < width; ++column)
          copy(args.inputs[0], (row / 2 * (width / 2) + column / 2) * channels, args.output,
               (row * width + column) * channels, channels);
    });
  }};
}

}  // namespace newbie::reference
