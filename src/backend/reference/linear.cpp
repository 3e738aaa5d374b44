// linear and batched_matmul.
#include "backend/reference/dot.h"

namespace newbie::reference {

Loops linear_loops(const KernelRequest& request) {
  const int64_t rows = request.inputs[0].shape.rows(), k = request.inputs[0].shape.last();
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    rows_times_weight(args, scratch, rows, k, r, [&](int64_t row, int, double* out) {
      read(args.inputs[0], static_cast<size_t>(row * k), static_cast<size_t>(k), out);
    });
  };
  return {.run = run, .doubles_per_worker = rows_times_weight_doubles(k)};
}

Loops batched_matmul_loops(const KernelRequest& request) {
  const Shape a = request.inputs[0].shape, b = request.inputs[1].shape;
  const bool transpose_b = request.attrs.integer("transpose_b") != 0;
  const int64_t rows = a[0] * a[1], k = a[2], columns = request.output.shape[2];
  const int64_t rows_per_batch_of_b = a[1] * (a[0] / b[0]);
  const int64_t width_b = b[2];
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, 1, [&](int64_t row, int64_t, int worker) {
      double* x = scratch.of(worker);
      double* y = x + k;
      double* line = y + columns;  // one row of b
      const int64_t first_of_b = row / rows_per_batch_of_b * b[1];
      read(args.inputs[0], static_cast<size_t>(row * k), static_cast<size_t>(k), x);
      std::fill(y, y + columns, 0.0);
      for (int64_t j = 0; j < b[1]; ++j) {
        read(args.inputs[1], static_cast<size_t>((first_of_b + j) * width_b), static_cast<size_t>(width_b), line);
        if (transpose_b) {
          y[j] = dot(x, line, k, r);
        } else {
          for (int64_t t = 0; t < columns; ++t) y[t] = r(y[t] + x[j] * line[t]);
        }
      }
      write(args.output, static_cast<size_t>(row * columns), static_cast<size_t>(columns), y);
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(k + columns + width_b)};
}

}  // namespace newbie::reference
