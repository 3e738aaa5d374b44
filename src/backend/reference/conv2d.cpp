// conv2d as linear on patches: a patch is laid out as a weight row is, [I, kh, kw].
#include "backend/reference/dot.h"

namespace newbie::reference {

Loops conv2d_loops(const KernelRequest& request) {
  const Shape x = request.inputs[0].shape, w = request.inputs[1].shape, y = request.output.shape;
  const auto& padding = request.attrs.list("padding");
  const int64_t top = padding[0], left = padding[1], stride = request.attrs.integer("stride");
  const int64_t channels = x[2], area = w[2] * w[3], k = channels * area;
  const size_t spare = rows_times_weight_doubles(k);
  const Inside r(request.precision.accumulate);

  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    rows_times_weight(args, scratch, y[0] * y[1], k, r, [&](int64_t pixel, int worker, double* patch) {
      double* colours = scratch.of(worker) + spare;
      for (int64_t tap = 0; tap < area; ++tap) {
        const int64_t row = pixel / y[1] * stride + tap / w[3] - top;
        const int64_t column = pixel % y[1] * stride + tap % w[3] - left;
        if (row < 0 || row >= x[0] || column < 0 || column >= x[1]) {
          std::fill(colours, colours + channels, 0.0);
        } else {
          read(args.inputs[0], static_cast<size_t>((row * x[1] + column) * channels), static_cast<size_t>(channels),
               colours);
        }
        for (int64_t c = 0; c < channels; ++c) patch[c * area + tap] = colours[c];
      }
    });
  };
  return {.run = run, .doubles_per_worker = spare + static_cast<size_t>(channels)};
}

}  // namespace newbie::reference
