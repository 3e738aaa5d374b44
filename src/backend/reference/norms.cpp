// RMS, layer and group norms, and the RMS norms fused with what follows. Statistics in double.
#include "backend/reference/elements.h"
#include "backend/reference/loops.h"
#include "backend/reference/rms.h"
#include "backend/reference/scalar_functions.h"

namespace newbie::reference {

namespace {

double squared(const Inside& r, double x) {
  const double kept = r(x);
  return r(kept * kept);
}
double inverse_root(const Inside& r, double variance, double eps) {
  return r(1.0 / r(std::sqrt(r(r(variance) + r(eps)))));
}

// Norms rows of inputs[X] with weight inputs[W]; finish(args, first element, n, v, spare) makes the result from the
// normed row v. A row is read whole, by the norm and by finish(), before it is written.
template <size_t X, size_t W, typename Finish>
Loops rms_rows(const KernelRequest& request, size_t in_place, Finish finish) {
  const int64_t n = request.inputs[W].shape[0];
  const int64_t rows = static_cast<int64_t>(request.output.shape.elements()) / n;
  const auto run = [=, rms = Rms(request)](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, rows_per_task(n), [&](int64_t first, int64_t last, int worker) {
      const auto width = static_cast<size_t>(n);
      double* w = scratch.of(worker);
      double* v = w + width;
      double* spare = v + width;  // two more rows
      read(args.inputs[W], 0, width, w);
      for (int64_t row = first; row < last; ++row) {
        const auto at = static_cast<size_t>(row) * width;
        read(args.inputs[X], at, width, v);
        rms.normalize(v, w, n);
        finish(args, at, width, v, spare);
        write(args.output, at, width, v);
      }
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(4 * n), .in_place_input = in_place};
}

// x [pixels, channels]: group_norm, then `finish` on every element.
template <typename Finish>
Loops group_rows(const KernelRequest& request, Finish finish) {
  const int64_t channels = request.output.shape[2], pixels = request.output.shape.rows();
  const int64_t groups = request.attrs.integer("groups");
  const auto n = static_cast<size_t>(channels / groups);
  const double eps = request.attrs.real("eps"), count = static_cast<double>(pixels) * static_cast<double>(n);
  const Inside r(request.precision.accumulate);

  // A task is one group: its channels of every pixel.
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    args.threads.run(groups, [&](int64_t group, int worker) {
      double* v = scratch.of(worker);
      double* w = v + n;
      double* b = w + n;
      const size_t first = static_cast<size_t>(group) * n;
      const auto for_pixels = [&](const auto& f) {
        for (int64_t pixel = 0; pixel < pixels; ++pixel) {
          const size_t at = static_cast<size_t>(pixel * channels) + first;
          read(args.inputs[0], at, n, v);
          f(at);
        }
      };
      double sum = 0, squares = 0;
      for_pixels([&](size_t) {
        for (size_t i = 0; i < n; ++i) sum = r(sum + v[i]);
      });
      const double mean = r(sum / count);
      for_pixels([&](size_t) {
        for (size_t i = 0; i < n; ++i) squares = r(squares + squared(r, v[i] - mean));
      });
      const double scale = inverse_root(r, squares / count, eps);
      read(args.inputs[1], first, n, w);
      read(args.inputs[2], first, n, b);
      for_pixels([&](size_t at) {
        for (size_t i = 0; i < n; ++i) v[i] = finish(r(r(r(r(v[i] - mean) * scale) * r(w[i])) + r(b[i])));
        write(args.output, at, n, v);
      });
    });
  };
  return {.run = run, .doubles_per_worker = 3 * n, .in_place_input = 0};
}

}  // namespace

Loops rms_norm_loops(const KernelRequest& request) {
  return rms_rows<0, 1>(request, 0, [](const KernelArgs&, size_t, size_t, double*, double*) {});
}

Loops norm_modulate_loops(const KernelRequest& request) {
  const Inside r(request.precision.accumulate);
  return rms_rows<0, 1>(request, 0, [r](const KernelArgs& args, size_t at, size_t n, double* v, double* scale) {
    read_cyclic(args.inputs[2], at, n, scale);
    for (size_t i = 0; i < n; ++i) v[i] *= r(1.0 + scale[i]);
  });
}

Loops norm_residual_loops(const KernelRequest& request) {
  return rms_rows<1, 2>(request, 0, [](const KernelArgs& args, size_t at, size_t n, double* v, double* x) {
    read(args.inputs[0], at, n, x);
    for (size_t i = 0; i < n; ++i) v[i] += x[i];
  });
}

Loops norm_gated_residual_loops(const KernelRequest& request) {
  const Inside r(request.precision.accumulate);
  return rms_rows<1, 2>(request, 0, [r](const KernelArgs& args, size_t at, size_t n, double* v, double* x) {
    double* gate = x + n;
    read(args.inputs[0], at, n, x);
    read_cyclic(args.inputs[3], at, n, gate);
    for (size_t i = 0; i < n; ++i) v[i] = x[i] + r(r(std::tanh(gate[i])) * v[i]);
  });
}

Loops layer_norm_loops(const KernelRequest& request) {
  const int64_t rows = request.output.shape.rows();
  const auto n = static_cast<size_t>(request.output.shape.last());
  const double eps = request.attrs.real("eps"), count = static_cast<double>(n);
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, rows_per_task(static_cast<int64_t>(n)),
               [&](int64_t first, int64_t last, int worker) {
                 double* v = scratch.of(worker);
                 double* w = v + n;
                 double* b = w + n;
                 std::fill(w, w + n, 1.0);
                 std::fill(b, b + n, 0.0);
                 if (args.inputs.size() == 3) {
                   read(args.inputs[1], 0, n, w);
                   read(args.inputs[2], 0, n, b);
                 }
                 for (int64_t row = first; row < last; ++row) {
                   read(args.inputs[0], static_cast<size_t>(row) * n, n, v);
                   double sum = 0, squares = 0;
                   for (size_t i = 0; i < n; ++i) sum = r(sum + v[i]);
                   const double mean = r(sum / count);
                   for (size_t i = 0; i < n; ++i) squares = r(squares + squared(r, v[i] - mean));
                   const double scale = inverse_root(r, squares / count, eps);
                   for (size_t i = 0; i < n; ++i) v[i] = r(r(r(r(v[i] - mean) * scale) * r(w[i])) + r(b[i]));
                   write(args.output, static_cast<size_t>(row) * n, n, v);
                 }
               });
  };
  return {.run = run, .doubles_per_worker = 3 * n, .in_place_input = 0};
}

Loops group_norm_loops(const KernelRequest& request) {
  return group_rows(request, [](double y) { return y; });
}

Loops group_norm_silu_loops(const KernelRequest& request) {
  return group_rows(request, [r = Inside(request.precision.accumulate)](double y) { return silu(y, r); });
}

}  // namespace newbie::reference
