// sum_rows, and the mean squared error with its gradient.
#include "backend/reference/elements.h"
#include "backend/reference/loops.h"

namespace newbie::reference {

Loops sum_rows_loops(const KernelRequest& request) {
  constexpr int64_t kColumnsAtOnce = 64;
  const int64_t rows = request.inputs[0].shape.rows(), width = request.output.shape[0];
  const Inside r(request.precision.accumulate);
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    for_blocks(args.threads, width, kColumnsAtOnce, [&](int64_t first, int64_t last, int) {
      const auto n = static_cast<size_t>(last - first);
      double line[kColumnsAtOnce], sum[kColumnsAtOnce] = {};
      for (int64_t row = 0; row < rows; ++row) {
        read(args.inputs[0], static_cast<size_t>(row * width + first), n, line);
        for (size_t i = 0; i < n; ++i) sum[i] = r(sum[i] + line[i]);
      }
      write(args.output, static_cast<size_t>(first), n, sum);
    });
  }};
}

// One thread: a latent has some ten thousand numbers.
Loops squared_error_loops(const KernelRequest& request) {
  constexpr size_t kAtOnce = 1024;
  const size_t count = request.inputs[0].shape.elements();
  const Inside r(request.precision.accumulate);
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    double x[kAtOnce], target[kAtOnce], sum = 0;
    for (size_t first = 0; first < count; first += kAtOnce) {
      const size_t n = std::min(kAtOnce, count - first);
      read(args.inputs[0], first, n, x);
      read(args.inputs[1], first, n, target);
      for (size_t i = 0; i < n; ++i) {
        const double difference = r(x[i] - target[i]);
        sum = r(sum + r(difference * difference));
      }
    }
    const double mean = sum / static_cast<double>(count);
    write(args.output, 0, 1, &mean);
  }};
}

Loops squared_error_gradient_loops(const KernelRequest& request) {
  constexpr int64_t kAtOnce = 1024;
  const auto count = static_cast<int64_t>(request.output.shape.elements());
  return {.run = [=](const KernelArgs& args, const WorkerScratch&) {
    double dy = 0;
    read(args.inputs[2], 0, 1, &dy);
    const double factor = 2.0 * dy / static_cast<double>(count);
    for_blocks(args.threads, count, kAtOnce, [&](int64_t first, int64_t last, int) {
      const auto n = static_cast<size_t>(last - first);
      double x[kAtOnce], target[kAtOnce];
      read(args.inputs[0], static_cast<size_t>(first), n, x);
      read(args.inputs[1], static_cast<size_t>(first), n, target);
      for (size_t i = 0; i < n; ++i) x[i] = factor * (x[i] - target[i]);
      write(args.output, static_cast<size_t>(first), n, x);
    });
  }};
}

}  // namespace newbie::reference
