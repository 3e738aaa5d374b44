// Speed of the CPU backend's heavy kernels at full-size shapes: one JSON line a case and dtype.
//   bench_kernels [threads] [name part]
// `gflops` is by wall clock, best of the repetitions; `gflops_per_cpu` by CPU time, which a busy machine disturbs less;
// `of_peak` is the share of that in what a CPU's registers do (newbie bench peak).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/peak.h"
#include "core/allocator.h"
#include "core/float_formats.h"
#include "core/machine.h"
#include "graph/ops/attention.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/linear.h"

namespace {

using namespace newbie;

struct Case {
  std::string name;
  const OpDef* op;
  Attrs attrs;
  std::vector<Shape> inputs;
  Shape output;
  double flop;
};

Case linear_case(int64_t m, int64_t n, int64_t k) {
  return {fmt::format("linear {}x{}x{}", m, n, k), &linear_op, {}, {{m, k}, {n, k}, {n}}, {m, n}, 2.0 * m * n * k};
}

Case attention_case(int64_t s, int64_t heads, int64_t kv_heads, int64_t d, bool causal) {
  return {
      fmt::format("attention S={} H={}/{} D={}{}", s, heads, kv_heads, d, causal ? " causal" : ""),
      &attention_op,
      {{"heads", heads}, {"kv_heads", kv_heads}, {"scale", 0.1}, {"causal", int64_t{causal}}, {"window", int64_t{0}}},
      {{s, heads * d}, {s, kv_heads * d}, {s, kv_heads * d}},
      {s, heads * d},
      4.0 * s * s * heads * d};
}

Case conv_case(int64_t side, int64_t in, int64_t out, int64_t kernel) {
  const int64_t pad = kernel / 2;
  return {fmt::format("conv2d {0}x{0} {1} to {2} kernel {3}", side, in, out, kernel),
          &conv2d_op,
          {{"stride", int64_t{1}}, {"padding", std::vector<int64_t>{pad, pad, pad, pad}}},
          {{side, side, in}, {out, in, kernel, kernel}, {out}},
          {side, side, out},
          2.0 * side * side * in * out * kernel * kernel};
}

// Threads of the pool and of oneDNN alike.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void fill(std::byte* data, const TensorSpec& spec, uint32_t seed) {
  std::vector<float> values(spec.shape.elements());
  for (float& v : values) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-33f;
  }
  convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), spec.dtype, data, values.size());
}

struct Speed {
  std::string kernel;
  double best_s = 1e9, cpu_s = 1e9;  // of one run
  size_t scratch_bytes = 0;
};

Speed measure(const HostBackend& backend, const Case& c, DType dtype, ThreadPool& threads) {
  KernelRequest request{.op = c.op,
                        .attrs = c.attrs,
                        .output = {c.output, dtype},
                        .precision = {dtype, dtype, DType::F32},
                        .threads = threads.size()};
  const bool bias = c.op != &attention_op;
  for (size_t i = 0; i < c.inputs.size(); ++i)
    request.inputs.push_back({c.inputs[i], i == 2 && bias ? DType::F32 : dtype});
  std::string why;
  const auto kernel = backend.make_host_kernel(request, &why);
  if (!kernel) fail(ErrorKind::Unsupported, "{}: {}", c.name, why);

  Allocator allocator;
  std::vector<Buffer> buffers;
  std::vector<ConstTensorView> inputs;
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    Buffer plain = allocator.allocate(request.inputs[i].bytes(), "operand");
    fill(plain.data(), request.inputs[i], static_cast<uint32_t>(i));
    const WeightLayout layout = kernel->weight_layout(i);
    if (!layout.key.empty()) {
      Buffer packed = allocator.allocate(layout.bytes, "packed operand");
      layout.pack({request.inputs[i], plain.data()}, packed.data(), threads);
      plain = std::move(packed);
    }
    inputs.emplace_back(request.inputs[i], plain.data());
    buffers.push_back(std::move(plain));
  }
  const Buffer output = allocator.allocate(request.output.bytes(), "result");
  const Buffer scratch = allocator.allocate(std::max<size_t>(kernel->scratch_bytes(), 64), "scratch");
  const KernelArgs args{inputs, {request.output, output.data()}, scratch.data(), threads};

  Speed speed{.kernel = kernel->name(), .scratch_bytes = kernel->scratch_bytes()};
  kernel->run(args);
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (int repetition = 0; repetition < 50; ++repetition) {
    const auto before = Clock::now();
    const double cpu_before = cpu_seconds();
    kernel->run(args);
    const std::chrono::duration<double> took = Clock::now() - before, so_far = Clock::now() - start;
    speed.best_s = std::min(speed.best_s, took.count());
    speed.cpu_s = std::min(speed.cpu_s, cpu_seconds() - cpu_before);
    if (so_far.count() > 1.5 && repetition >= 2) break;
  }
  return speed;
}

int run(int threads, const std::string& part) {
  std::vector<Case> cases;
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{3840, 2304},
                             {2304, 2304},
                             {9216, 2304},
                             {2304, 9216},
                             {10240, 2560},
                             {2560, 10240},
                             {1024, 2560}})
    cases.push_back(linear_case(1280, n, k));
  cases.push_back(linear_case(1, 9216, 2304));
  cases.push_back(linear_case(128, 1152, 288));
  cases.push_back(attention_case(1280, 24, 8, 96, false));
  cases.push_back(attention_case(4352, 24, 8, 96, false));
  cases.push_back(attention_case(512, 8, 4, 256, true));
  cases.push_back(attention_case(4096, 1, 1, 512, false));
  cases.push_back(conv_case(128, 512, 512, 3));
  cases.push_back(conv_case(256, 256, 256, 3));
  cases.push_back(conv_case(512, 128, 128, 3));
  cases.push_back(conv_case(256, 512, 256, 1));

  const auto backend = make_cpu_backend();
  ThreadPool pool(threads), alone(1);
  const std::vector<PeakRate> peaks = measure_peak(alone);
  for (DType dtype : {DType::BF16, DType::F32}) {
    double peak = 0;
    for (const PeakRate& rate : peaks)
      if (rate.dtype == to_string(dtype)) peak = std::max(peak, rate.operations * 1e-9);
    for (const Case& c : cases) {
      if (c.name.find(part) == std::string::npos) continue;
      const Speed s = measure(*backend, c, dtype, pool);
      const double per_cpu = c.flop / s.cpu_s * 1e-9;
      fmt::print(R"({{"case": "{}", "dtype": "{}", "kernel": "{}", "threads": {}, "ms": {:.3f}, "gflops": {:.1f}, )"
                 R"("gflops_per_cpu": {:.1f}, "of_peak": {:.2f}, "scratch_bytes": {}}})"
                 "\n",
                 c.name, to_string(dtype), s.kernel, threads, 1e3 * s.best_s, c.flop / s.best_s * 1e-9, per_cpu,
                 peak > 0 ? per_cpu / peak : 0.0, s.scratch_bytes);
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::max(1, std::atoi(argv[1])) : usable_cpus(), argc > 2 ? argv[2] : "");
  } catch (const Error& e) {
    fmt::print(stderr, "{}\n", e.message());
    return 1;
  }
}
