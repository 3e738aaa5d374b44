// Table rows, time features, and the mean over rows.
#include <cmath>
#include <cstring>

#include "backend/reference/elements.h"
#include "backend/reference/loops.h"

namespace newbie::reference {

Loops embedding_loops(const KernelRequest& request) {
  const int64_t rows = request.output.shape[0], vocabulary = request.inputs[1].shape[0];
  const auto n = static_cast<size_t>(request.output.shape[1]);
  const double scale = rounded(request.precision.compute, request.attrs.real("scale"));
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(
        args.threads, rows, rows_per_task(static_cast<int64_t>(n)), [&](int64_t first, int64_t last, int worker) {
          double* v = scratch.of(worker);
          for (int64_t row = first; row < last; ++row) {
            int32_t id = 0;
            std::memcpy(&id, args.inputs[0].data + static_cast<size_t>(row) * sizeof(id), sizeof(id));
            if (id < 0 || id >= vocabulary)
              fail(ErrorKind::Internal, "embedding: id {} at row {} is not in a table of {} rows", id, row, vocabulary);
            read(args.inputs[1], static_cast<size_t>(id) * n, n, v);
            for (size_t i = 0; i < n; ++i) v[i] *= scale;
            write(args.output, static_cast<size_t>(row) * n, n, v);
          }
        });
  };
  return {.run = run, .doubles_per_worker = n};
}

// Frequencies, angles and functions in float, step by step as the reference does (spec/nextdit.md §4): a t of 1000 in
// double would give other angles.
Loops timestep_embedding_loops(const KernelRequest& request) {
  const int64_t half = request.attrs.integer("width") / 2;
  const auto log_period = static_cast<float>(-std::log(request.attrs.real("max_period")));
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    double t = 0;
    read(args.inputs[0], 0, 1, &t);
    for (int64_t k = 0; k < half; ++k) {
      const float frequency = std::exp(log_period * static_cast<float>(k) / static_cast<float>(half));
      const float angle = static_cast<float>(t) * frequency;
      const double cos = static_cast<double>(std::cos(angle)), sin = static_cast<double>(std::sin(angle));
      write(args.output, static_cast<size_t>(k), 1, &cos);
      write(args.output, static_cast<size_t>(half + k), 1, &sin);
    }
  }};
}

Loops mean_rows_loops(const KernelRequest& request) {
  constexpr int64_t kColumns = 64;
  const int64_t rows = request.inputs[0].shape[0], width = request.inputs[0].shape[1];
  const Inside r(request.precision.accumulate);
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    for_blocks(args.threads, width, kColumns, [&](int64_t first, int64_t last, int) {
      const auto n = static_cast<size_t>(last - first);
      double line[kColumns], sum[kColumns] = {};
      for (int64_t row = 0; row < rows; ++row) {
        read(args.inputs[0], static_cast<size_t>(row * width + first), n, line);
        for (size_t i = 0; i < n; ++i) sum[i] = r(sum[i] + line[i]);
      }
      for (size_t i = 0; i < n; ++i) sum[i] /= static_cast<double>(rows);
      write(args.output, static_cast<size_t>(first), n, sum);
    });
  }};
}

}  // namespace newbie::reference
