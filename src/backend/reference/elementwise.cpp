// Ops that look at one element of each operand at a time: cast, activations, sums, products, gates.
#include <array>
#include <utility>

#include "backend/reference/elements.h"
#include "backend/reference/loops.h"
#include "backend/reference/scalar_functions.h"

namespace newbie::reference {

namespace {

// y[i] = f(a[i], b[i], …); an operand with fewer elements is one row that serves every row. The first operand may share
// the result's memory: a chunk is read before it is written.
template <size_t N, typename Function>
Loops map_elements(Function f) {
  constexpr size_t kChunk = 2048;
  const auto run = [f](const KernelArgs& args, const WorkerScratch&) {
    const auto count = static_cast<int64_t>(args.output.spec.shape.elements());
    for_blocks(args.threads, count, kChunk, [&](int64_t first, int64_t last, int) {
      std::array<std::array<double, kChunk>, N> in;
      const auto n = static_cast<size_t>(last - first);
      for (size_t k = 0; k < N; ++k) read_cyclic(args.inputs[k], static_cast<size_t>(first), n, in[k].data());
      std::array<double, kChunk> out;
      [&]<size_t... K>(std::index_sequence<K...>) {
        for (size_t i = 0; i < n; ++i) out[i] = f(in[K][i]...);
      }
      (std::make_index_sequence<N>{});
      write(args.output, static_cast<size_t>(first), n, out.data());
    });
  };
  return {.run = run, .in_place_input = 0};
}

}  // namespace

Loops cast_loops(const KernelRequest&) {
  return map_elements<1>([](double x) { return x; });
}
Loops silu_loops(const KernelRequest& request) {
  return map_elements<1>([r = Inside(request.precision.accumulate)](double x) { return silu(x, r); });
}
Loops gelu_tanh_loops(const KernelRequest& request) {
  return map_elements<1>([r = Inside(request.precision.accumulate)](double x) { return gelu_tanh(x, r); });
}
Loops gelu_erf_loops(const KernelRequest& request) {
  return map_elements<1>([r = Inside(request.precision.accumulate)](double x) { return gelu_erf(x, r); });
}
Loops tanh_loops(const KernelRequest&) {
  return map_elements<1>([](double x) { return std::tanh(x); });
}
// A NaN stays one.
Loops relu_loops(const KernelRequest&) {
  return map_elements<1>([](double x) { return x < 0.0 ? 0.0 : x; });
}
Loops add_scalar_loops(const KernelRequest& request) {
  return map_elements<1>([scalar = request.attrs.real("scalar")](double x) { return x + scalar; });
}
Loops mul_scalar_loops(const KernelRequest& request) {
  return map_elements<1>([scalar = request.attrs.real("scalar")](double x) { return x * scalar; });
}
Loops silu_gradient_loops(const KernelRequest& request) {
  return map_elements<2>(
      [r = Inside(request.precision.accumulate)](double x, double dy) { return dy * silu_slope(x, r); });
}
Loops add_loops(const KernelRequest&) {
  return map_elements<2>([](double a, double b) { return a + b; });
}
Loops mul_loops(const KernelRequest&) {
  return map_elements<2>([](double a, double b) { return a * b; });
}
Loops swiglu_loops(const KernelRequest& request) {
  return map_elements<2>(
      [r = Inside(request.precision.accumulate)](double gate, double up) { return silu(gate, r) * up; });
}
Loops geglu_tanh_loops(const KernelRequest& request) {
  return map_elements<2>(
      [r = Inside(request.precision.accumulate)](double gate, double up) { return gelu_tanh(gate, r) * up; });
}
Loops modulate_loops(const KernelRequest& request) {
  return map_elements<2>(
      [r = Inside(request.precision.accumulate)](double x, double scale) { return x * r(1.0 + scale); });
}
Loops gated_residual_loops(const KernelRequest& request) {
  return map_elements<3>([r = Inside(request.precision.accumulate)](double x, double y, double gate) {
    return x + r(r(std::tanh(gate)) * y);
  });
}

}  // namespace newbie::reference
