// linear, linear_add, batched_matmul, and the products that their gradients are.
#include <vector>

#include "backend/reference/dot.h"
#include "core/quantise.h"

namespace newbie::reference {

namespace {

// Reads a row of `k` values as 8-bit numbers; returns their scale.
double read_quantised(const ConstTensorView& from, int64_t row, int64_t k, double* out) {
  read(from, static_cast<size_t>(row * k), static_cast<size_t>(k), out);
  float largest = 0;
  for (int64_t i = 0; i < k; ++i) {
    const auto magnitude = static_cast<float>(std::abs(out[i]));
    if (!(magnitude <= largest)) largest = magnitude;  // NaN too
    if (std::isnan(largest)) break;
  }
  const Int8Scale scale(largest);
  for (int64_t i = 0; i < k; ++i) out[i] = scale.quantise(static_cast<float>(out[i]));
  return static_cast<double>(scale.scale);
}

// Rows and the weight's rows each as 8-bit numbers: y = (Σ q_x q_w) · scale_x · scale_w + b.
Loops quantised_linear_loops(const KernelRequest& request) {
  const int64_t rows = request.inputs[0].shape.rows(), k = request.inputs[0].shape.last();
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    const int64_t columns = args.inputs[1].spec.shape[0];
    args.threads.run(ceil_div(columns, kDotColumns), [&](int64_t task, int worker) {
      const int64_t column = task * kDotColumns, n = std::min(kDotColumns, columns - column);
      double* x = scratch.of(worker);
      double* w = x + k;
      double bias[kDotColumns] = {}, scales[kDotColumns], y[kDotColumns];
      for (int64_t j = 0; j < n; ++j) scales[j] = read_quantised(args.inputs[1], column + j, k, w + j * k);
      if (args.inputs.size() == 3) read(args.inputs[2], static_cast<size_t>(column), static_cast<size_t>(n), bias);
      for (int64_t row = 0; row < rows; ++row) {
        const double scale = read_quantised(args.inputs[0], row, k, x);
        for (int64_t j = 0; j < n; ++j) y[j] = dot(x, w + j * k, k, Inside(DType::F32)) * scale * scales[j] + bias[j];
        write(args.output, static_cast<size_t>(row * columns + column), static_cast<size_t>(n), y);
      }
    });
  };
  return {.run = run, .doubles_per_worker = checked_mul(static_cast<size_t>(k), 1 + kDotColumns)};
}

constexpr int64_t kSummedRows = 16;  // of the result, that share one reading of the lines

// Result rows [first, first + count), count <= kSummedRows, as sums over `depth` lines of `width` elements from
// element line_at of inputs[1] on: row i gets coefficient(i, r) · line r. Needs (kSummedRows + 1) · width doubles.
template <typename Coefficient>
void sum_lines(const KernelArgs& args, double* scratch, int64_t first, int64_t count, int64_t depth, int64_t line_at,
               int64_t width, const Inside& inside, const Coefficient& coefficient) {
  double* line = scratch + kSummedRows * width;
  std::fill(scratch, line, 0.0);
  for (int64_t r = 0; r < depth; ++r) {
    read(args.inputs[1], static_cast<size_t>(line_at + r * width), static_cast<size_t>(width), line);
    for (int64_t i = 0; i < count; ++i) {
      const double by = coefficient(i, r);
      double* sums = scratch + i * width;
      for (int64_t j = 0; j < width; ++j) sums[j] = inside(sums[j] + by * line[j]);
    }
  }
  write(args.output, static_cast<size_t>(first * width), static_cast<size_t>(count * width), scratch);
}

double element(const ConstTensorView& view, int64_t at) {
  double out = 0;
  read(view, static_cast<size_t>(at), 1, &out);
  return out;
}

size_t summed_doubles(int64_t width) { return checked_mul(static_cast<size_t>(width), kSummedRows + 1); }

}  // namespace

Loops linear_loops(const KernelRequest& request) {
  if (request.precision.compute == DType::I8) return quantised_linear_loops(request);
  const int64_t rows = request.inputs[0].shape.rows(), k = request.inputs[0].shape.last();
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    rows_times_weight(args, scratch, rows, k, r, [&](int64_t row, int, double* out) {
      read(args.inputs[0], static_cast<size_t>(row * k), static_cast<size_t>(k), out);
    });
  };
  return {.run = run, .doubles_per_worker = rows_times_weight_doubles(k)};
}

Loops linear_add_loops(const KernelRequest& request) {
  const int64_t rows = request.inputs[0].shape.rows(), k = request.inputs[0].shape.last();
  const int64_t columns = request.inputs[1].shape[0];
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, 1, [&](int64_t row, int64_t, int worker) {
      double* x = scratch.of(worker);
      double* w = x + k;
      double* y = w + k;
      const auto at = static_cast<size_t>(row * columns), width = static_cast<size_t>(columns);
      read(args.inputs[0], static_cast<size_t>(row * k), static_cast<size_t>(k), x);
      read(args.inputs[2], at, width, y);
      for (int64_t j = 0; j < columns; ++j) {
        read(args.inputs[1], static_cast<size_t>(j * k), static_cast<size_t>(k), w);
        y[j] = r(y[j] + dot(x, w, k, r));
      }
      write(args.output, at, width, y);
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(2 * k + columns), .in_place_input = 2};
}

Loops linear_transposed_loops(const KernelRequest& request) {
  const int64_t rows = request.output.shape.rows(), depth = request.inputs[1].shape[0];
  const int64_t width = request.inputs[1].shape[1];
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, kSummedRows, [&](int64_t first, int64_t last, int worker) {
      sum_lines(args, scratch.of(worker), first, last - first, depth, 0, width, r,
                [&](int64_t i, int64_t line) { return element(args.inputs[0], (first + i) * depth + line); });
    });
  };
  return {.run = run, .doubles_per_worker = summed_doubles(width)};
}

Loops batched_outer_loops(const KernelRequest& request) {
  const int64_t batches = request.output.shape[0], rows = request.output.shape[1], width = request.output.shape[2];
  const int64_t depth = request.inputs[0].shape[1], blocks = ceil_div(rows, kSummedRows);
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    args.threads.run(batches * blocks, [&](int64_t task, int worker) {
      const int64_t batch = task / blocks, first = task % blocks * kSummedRows;
      sum_lines(args, scratch.of(worker), batch * rows + first, std::min(kSummedRows, rows - first), depth,
                batch * depth * width, width, r, [&](int64_t i, int64_t line) {
                  return element(args.inputs[0], (batch * depth + line) * rows + first + i);
                });
    });
  };
  return {.run = run, .doubles_per_worker = summed_doubles(width)};
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
