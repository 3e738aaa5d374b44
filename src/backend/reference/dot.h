// Sums of products, and the loop that linear and conv2d share.
#pragma once

#include "backend/reference/elements.h"
#include "backend/reference/loops.h"

namespace newbie::reference {

// Σ a·b over n elements. Eight interleaved partial sums let the compiler use vector registers and fix one order of
// addition everywhere. Kept narrowly, it is one sum whose every term is added and rounded in turn.
inline double dot(const double* a, const double* b, int64_t n, const Inside& r) {
  if (!r.exact()) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum = r(sum + a[i] * b[i]);
    return sum;
  }
  constexpr int kLanes = 8;
  double lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) lane[l] += a[i + l] * b[i + l];
  for (int l = 0; i < n; ++i, ++l) lane[l] += a[i] * b[i];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

constexpr int64_t kDotRows = 32, kDotColumns = 64;  // borders of a task

// Scratch that rows_times_weight takes at the start of a worker's share.
inline size_t rows_times_weight_doubles(int64_t k) { return static_cast<size_t>((kDotRows + 1) * k); }

// output[r, n] = Σ_k row_r[k] · inputs[1][n, k] (+ inputs[2][n]). fill(r, worker, out) gives the k values of row r.
template <typename Fill>
void rows_times_weight(const KernelArgs& args, const WorkerScratch& scratch, int64_t rows, int64_t k, const Inside& r,
                       const Fill& fill) {
  const ConstTensorView& weight = args.inputs[1];
  const int64_t columns = weight.spec.shape[0], column_blocks = ceil_div(columns, kDotColumns);
  const int64_t row_blocks = ceil_div(rows, kDotRows);
  args.threads.run(row_blocks * column_blocks, [&](int64_t task, int worker) {
    const int64_t row = task / column_blocks * kDotRows, column = task % column_blocks * kDotColumns;
    const int64_t m = std::min(kDotRows, rows - row), n = std::min(kDotColumns, columns - column);
    double* x = scratch.of(worker);
    double* w = x + kDotRows * k;
    double y[kDotRows][kDotColumns];
    for (int64_t i = 0; i < m; ++i) fill(row + i, worker, x + i * k);
    double bias[kDotColumns] = {};
    if (args.inputs.size() == 3) read(args.inputs[2], static_cast<size_t>(column), static_cast<size_t>(n), bias);
    for (int64_t j = 0; j < n; ++j) {
      read(weight, static_cast<size_t>((column + j) * k), static_cast<size_t>(k), w);
      for (int64_t i = 0; i < m; ++i) y[i][j] = dot(x + i * k, w, k, r) + bias[j];
    }
    for (int64_t i = 0; i < m; ++i)
      write(args.output, static_cast<size_t>((row + i) * columns + column), static_cast<size_t>(n), y[i]);
  });
}

}  // namespace newbie::reference
