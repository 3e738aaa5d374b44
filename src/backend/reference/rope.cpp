// rope and norm_rope.
#include "graph/ops/rope.h"

#include "backend/reference/elements.h"
#include "backend/reference/loops.h"
#include "backend/reference/rms.h"

namespace newbie::reference {

namespace {

// Rotates every head of x [S, heads · D] by its row's angles, after prepare(head) has seen it. `tables` is the position
// of cos among the inputs; sin follows it.
template <typename Prepare>
Loops rotate_heads(const KernelRequest& request, size_t tables, size_t spare, Prepare prepare) {
  const int64_t rows = request.output.shape[0], half = request.inputs[tables].shape[1], d = 2 * half;
  const int64_t heads = request.output.shape[1] / d;
  const bool interleaved = request.attrs.integer("layout") == static_cast<int64_t>(RopeLayout::Interleaved);
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, rows_per_task(heads * d), [&](int64_t first, int64_t last, int worker) {
      double* v = scratch.of(worker);
      double* cos = v + d;
      double* sin = cos + half;
      double* more = sin + half;
      for (int64_t row = first; row < last; ++row) {
        read(args.inputs[tables], static_cast<size_t>(row * half), static_cast<size_t>(half), cos);
        read(args.inputs[tables + 1], static_cast<size_t>(row * half), static_cast<size_t>(half), sin);
        for (int64_t head = 0; head < heads; ++head) {
          const auto at = static_cast<size_t>((row * heads + head) * d);
          read(args.inputs[0], at, static_cast<size_t>(d), v);
          prepare(args, v, d, more);
          for (int64_t k = 0; k < half; ++k) {
            double& a = v[interleaved ? 2 * k : k];
            double& b = v[interleaved ? 2 * k + 1 : k + half];
            const double x = a, y = b;
            a = r(x * r(cos[k])) - r(y * r(sin[k]));
            b = r(x * r(sin[k])) + r(y * r(cos[k]));
          }
          write(args.output, at, static_cast<size_t>(d), v);
        }
      }
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(2 * d) + spare, .in_place_input = 0};
}

}  // namespace

Loops rope_loops(const KernelRequest& request) {
  return rotate_heads(request, 1, 0, [](const KernelArgs&, double*, int64_t, double*) {});
}

Loops norm_rope_loops(const KernelRequest& request) {
  const auto width = static_cast<size_t>(request.inputs[1].shape[0]);
  return rotate_heads(request, 2, width, [rms = Rms(request)](const KernelArgs& args, double* v, int64_t d, double* w) {
    read(args.inputs[1], 0, static_cast<size_t>(d), w);
    rms.normalize(v, w, d);
  });
}

}  // namespace newbie::reference
