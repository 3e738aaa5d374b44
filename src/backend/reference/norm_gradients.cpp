// What x does to a loss through an RMS or a layer norm (formulas: graph/ops/norms.h). Everything inside in double.
#include <cmath>

#include "backend/reference/elements.h"
#include "backend/reference/loops.h"

namespace newbie::reference {

namespace {

// Rows of n: x in inputs[X], dy in inputs[Dy]; gain(args, i0, n, out) gives the factors that dy meets. `centred`: the
// mean was taken off x.
template <size_t X, size_t Dy, typename Gain>
Loops norm_gradient_rows(const KernelRequest& request, int64_t n, bool centred, Gain gain) {
  const int64_t rows = static_cast<int64_t>(request.output.shape.elements()) / n;
  const double eps = request.attrs.real("eps"), count = static_cast<double>(n);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, rows_per_task(n), [&](int64_t first, int64_t last, int worker) {
      const auto width = static_cast<size_t>(n);
      double* w = scratch.of(worker);
      double* x = w + n;
      double* g = x + n;
      gain(args, width, w);
      for (int64_t row = first; row < last; ++row) {
        const auto at = static_cast<size_t>(row * n);
        read(args.inputs[X], at, width, x);
        read(args.inputs[Dy], at, width, g);
        double mean = 0, squares = 0, along = 0, mean_g = 0;
        if (centred)
          for (int64_t i = 0; i < n; ++i) mean += x[i] / count;
        for (int64_t i = 0; i < n; ++i) {
          x[i] -= mean;
          g[i] *= w[i];
          squares += x[i] * x[i];
          along += g[i] * x[i];
          mean_g += g[i];
        }
        const double scale = 1.0 / std::sqrt(squares / count + eps);
        along *= scale * scale / count;
        mean_g = centred ? mean_g / count : 0.0;
        for (int64_t i = 0; i < n; ++i) x[i] = scale * (g[i] - mean_g - x[i] * along);
        write(args.output, at, width, x);
      }
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(3 * n), .in_place_input = Dy};
}

}  // namespace

Loops rms_norm_gradient_loops(const KernelRequest& request) {
  return norm_gradient_rows<0, 2>(request, request.inputs[1].shape[0], false,
                                  [offset = request.attrs.real("offset")](const KernelArgs& args, size_t n, double* w) {
                                    read(args.inputs[1], 0, n, w);
                                    for (size_t i = 0; i < n; ++i) w[i] += offset;
                                  });
}

Loops layer_norm_gradient_loops(const KernelRequest& request) {
  return norm_gradient_rows<0, 1>(request, request.output.shape.last(), true,
                                  [](const KernelArgs& args, size_t n, double* w) {
                                    if (args.inputs.size() == 3)
                                      read(args.inputs[2], 0, n, w);
                                    else
                                      std::fill(w, w + n, 1.0);
                                  });
}

}  // namespace newbie::reference
