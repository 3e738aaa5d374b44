// One denoiser pass of the full-size model with made-up weights, as JSON lines: time, FLOP/s, memory.
//   bench_step [SIDE=512] [CAPTION_TOKENS=256] [bf16|f32] [LAYERS=36] [REPEATS=3]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "compile/compile.h"
#include "core/json.h"
#include "core/machine.h"
#include "core/random.h"
#include "models/next_dit/graph.h"
#include "synthetic_weights.h"

using namespace newbie;

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// NewBie-image-Exp0.1 (spec/nextdit.md §1).
NextDitConfig full_size(int64_t layers) {
  return {.dim = 2304,
          .layers = layers,
          .refiner_layers = 2,
          .heads = 24,
          .kv_heads = 8,
          .head_size = 96,
          .ffn = 9216,
          .conditioning = 1024,
          .caption_width = 2560,
          .pooled_width = 1024,
          .time_width = 256,
          .latent_channels = 16,
          .rope_axes = {32, 32, 32}};
}

// Multiply-adds of linear layers and attention, times two.
double floating_operations(const Graph& graph) {
  double total = 0;
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    const auto elements = static_cast<double>(n.shape.elements());
    if (n.op->name == "linear") total += 2 * elements * static_cast<double>(graph.node(n.inputs[0]).shape.last());
    if (n.op->name == "attention") total += 4 * elements * static_cast<double>(graph.node(n.inputs[1]).shape[0]);
  }
  return total;
}

int run(int argc, char** argv) {
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const int64_t side = number(1, 512), tokens = number(2, 256), layers = number(4, 36);
  const int repeats = std::max(1, number(5, 3));
  const auto precision = find_precision_request(argc > 3 ? argv[3] : "bf16");
  if (!precision) fail(ErrorKind::InvalidRequest, "dtype must be auto, f32 or bf16");

  const NextDitConfig config = full_size(layers);
  const Graph graph = next_dit_step(config, tokens, side / 8, side / 8);
  const bench::SyntheticWeights weights(graph);
  ThreadPool threads(usable_cpus());
  Allocator allocator;
  const auto backend = make_cpu_backend();
  const Resolution resolution = resolve_precision(*precision, this_cpu());
  const Program program =
      compile(graph, *backend, {.precision = resolution.policy, .part = "transformer", .threads = threads.size()});
  WeightBank bank(weights, allocator);
  const size_t planned = bank.plan(program.weights()).bytes + program.memory().arena_bytes;
  auto start = Clock::now();
  bank.prepare(program.weights(), threads);
  const double load = seconds_since(start);
  const Buffer arena = allocator.allocate(program.memory().arena_bytes, "arena");

  std::vector<float> latent(static_cast<size_t>(config.latent_channels * side / 8 * side / 8)), velocity(latent.size()),
      context(static_cast<size_t>(tokens * config.dim)), pooled(static_cast<size_t>(config.pooled_width));
  TorchGenerator generator(1);
  for (auto* values : {&latent, &context, &pooled}) generator.normal(*values);
  const float t = 0.5f;
  const auto bytes = [](auto& v) { return reinterpret_cast<std::byte*>(v.data()); };
  Bindings b;
  b.inputs["latent"] = {{Shape{config.latent_channels, side / 8, side / 8}, DType::F32}, bytes(latent)};
  b.inputs["time"] = {{Shape{1}, DType::F32}, reinterpret_cast<const std::byte*>(&t)};
  b.inputs["context"] = {{Shape{tokens, config.dim}, DType::F32}, bytes(context)};
  b.inputs["pooled"] = {{Shape{config.pooled_width}, DType::F32}, bytes(pooled)};
  b.outputs["velocity"] = {{Shape{config.latent_channels, side / 8, side / 8}, DType::F32}, bytes(velocity)};
  ExecutionContext context_of_run{threads, arena.data(), {}};

  const double flop = floating_operations(graph);
  std::vector<double> times;
  for (int i = 0; i <= repeats; ++i) {  // the first is not counted
    start = Clock::now();
    program.run(context_of_run, bank, b);
    if (i > 0) times.push_back(seconds_since(start));
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  double largest = 0;
  for (float v : velocity) largest = std::max(largest, std::isfinite(v) ? std::abs(static_cast<double>(v)) : 1e30);
  const OrderedJson line{{"bench", "step"},
                         {"side", side},
                         {"caption_tokens", tokens},
                         {"layers", layers},
                         {"precision", resolution.policy.name},
                         {"threads", threads.size()},
                         {"repeats", repeats},
                         {"median_seconds", median},
                         {"min_seconds", times.front()},
                         {"max_seconds", times.back()},
                         {"tflop", flop / 1e12},
                         {"gflop_per_second", flop / median / 1e9},
                         {"load_seconds", load},
                         {"planned_bytes", planned},
                         {"allocated_bytes", allocator.peak_bytes()},
                         {"arena_bytes", program.memory().arena_bytes},
                         {"peak_resident_bytes", peak_resident_bytes()},
                         {"largest_output", largest}};
  std::puts(line.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& e) {
    std::fprintf(stderr, "bench_step: %s\n", e.what());
    return 1;
  }
}
