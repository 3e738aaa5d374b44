// Pooling: the maximum or the mean of the pixels that a window has inside the picture.
#include <cmath>

#include "backend/reference/elements.h"
#include "backend/reference/loops.h"

namespace newbie::reference {

namespace {

Loops pool2d_loops(const KernelRequest& request, bool average) {
  const Shape x = request.inputs[0].shape, y = request.output.shape;
  const auto& padding = request.attrs.list("padding");
  const int64_t above = padding[0], before = padding[1], channels = y[2];
  const int64_t kernel = request.attrs.integer("kernel"), stride = request.attrs.integer("stride");
  const auto width = static_cast<size_t>(channels);

  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, y[0] * y[1], rows_per_task(channels), [&](int64_t first, int64_t last, int worker) {
      double *colours = scratch.of(worker), *result = colours + channels;
      for (int64_t pixel = first; pixel < last; ++pixel) {
        const int64_t top = pixel / y[1] * stride - above, left = pixel % y[1] * stride - before;
        std::fill(result, result + channels, average ? 0.0 : -HUGE_VAL);
        double count = 0;
        for (int64_t row = std::max<int64_t>(top, 0); row < std::min(top + kernel, x[0]); ++row)
          for (int64_t column = std::max<int64_t>(left, 0); column < std::min(left + kernel, x[1]); ++column) {
            read(args.inputs[0], static_cast<size_t>((row * x[1] + column) * channels), width, colours);
            for (int64_t c = 0; c < channels; ++c)
              result[c] = average ? result[c] + colours[c] : std::max(result[c], colours[c]);
            ++count;
          }
        if (average)
          for (int64_t c = 0; c < channels; ++c) result[c] /= count;
        write(args.output, static_cast<size_t>(pixel) * width, width, result);
      }
    });
  };
  return {.run = run, .doubles_per_worker = 2 * width};
}

}  // namespace

Loops max_pool2d_loops(const KernelRequest& request) { return pool2d_loops(request, false); }
Loops average_pool2d_loops(const KernelRequest& request) { return pool2d_loops(request, true); }

}  // namespace newbie::reference
