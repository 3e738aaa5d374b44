#include "measure/workload.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "compile/attach_adapters.h"
#include "compile/compile.h"
#include "compile/differentiate.h"
#include "compile/recompute_activations.h"
#include "core/allocator.h"
#include "core/checked.h"
#include "core/random.h"
#include "graph/ops/sources.h"
#include "graph/ops/sums.h"
#include "measure/synthetic_weights.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;

// What the official trainer adapts by default (spec/training.md §3).
constexpr std::string_view kLoraTargets[] = {"attention.qkv.weight", "attention.out.weight", "feed_forward.w2.weight",
                                             "time_text_embed.1.weight", "clip_text_pooled_proj.1.weight"};

bool is_of_lora(const std::string& weight) { return weight.find("#lora.") != std::string::npos; }

Graph with_lora(const Graph& graph, int64_t rank) {
  AttachedAdapters adapters;
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    if (n.op != &weight_op || n.shape.rank() != 2) continue;
    const std::string& name = n.paths.front();
    if (std::ranges::none_of(kLoraTargets, [&](std::string_view target) { return name.ends_with(target); })) continue;
    adapters.steps[name] = {
        {.weights = {{name + "#lora.down", {rank, n.shape[1]}}, {name + "#lora.up", {n.shape[0], rank}}}}};
  }
  return attach_adapters(graph, adapters);
}

// The loss of a velocity, and what the adapter of `step` does to it.
Graph with_way_back(Graph step) {
  const Value velocity = step.value(step.outputs().front().id);
  step.output("loss", squared_error(velocity, step.input("target", Shape(velocity.shape()))));
  return differentiate(step, "loss", is_of_lora);
}

Graph build(const WorkloadSpec& spec, ModelSizes m) {
  const int64_t downscale = m.vae.downscale();
  const int64_t multiple = downscale * m.transformer.patch;
  if (spec.width < multiple || spec.height < multiple || spec.width % multiple != 0 || spec.height % multiple != 0)
    fail(ErrorKind::InvalidRequest, "size: expected multiples of {}, got {}x{}", multiple, spec.width, spec.height);
  if (spec.tokens < 1) fail(ErrorKind::InvalidRequest, "tokens: expected at least 1, got {}", spec.tokens);
  const int64_t height = spec.height / downscale, width = spec.width / downscale;
  switch (spec.work) {
    case Work::Step:
      if (spec.layers > 0) m.transformer.layers = spec.layers;
      if (spec.lora_rank > 0)
        return with_lora(next_dit_step(m.transformer, spec.tokens, height, width), spec.lora_rank);
      return next_dit_step(m.transformer, spec.tokens, height, width);
    case Work::Train:
      if (spec.layers > 0) m.transformer.layers = spec.layers;
      if (spec.lora_rank < 1) fail(ErrorKind::InvalidRequest, "training needs an adapter: lora_rank is 0");
      return with_way_back(with_lora(next_dit(m.transformer, spec.tokens, height, width), spec.lora_rank));
    case Work::Text:
      // The features come from the last layer but one, so this many layers run.
      if (spec.layers > 0) {
        m.text_encoder.layers = spec.layers + 1;
        m.text_encoder.global.resize(static_cast<size_t>(spec.layers + 1));
      }
      return gemma3_features(m.text_encoder, spec.tokens);
    case Work::Clip: return jina_text(m.clip_model, spec.tokens);
    case Work::Decode: return flux_vae_decoder(m.vae, height, width);
    case Work::Encode: return flux_vae_encoder(m.vae, spec.height, spec.width);
  }
  fail(ErrorKind::Internal, "no such work");
}

const char* part_of(Work work) {
  switch (work) {
    case Work::Step:
    case Work::Train: return "transformer";
    case Work::Text: return "text_encoder";
    case Work::Clip: return "clip_model";
    case Work::Decode:
    case Work::Encode: return "vae";
  }
  return "";
}

Program lowered(const WorkloadSpec& spec, const Graph& graph, const WorkloadOptions& options) {
  // What is trained is f32, whatever the model's weights are.
  const bool trains = spec.work == Work::Train;
  Graph g = transform(graph, {.precision = options.precision,
                              .part = part_of(spec.work),
                              .threads = options.threads,
                              .fuse = options.fuse,
                              .stored_dtype = [trains](const std::string& name) {
                                return std::optional(trains && is_of_lora(name) ? DType::F32 : DType::BF16);
                              }});
  if (trains && spec.recompute) g = recompute_most(g);
  return Program(g, *options.backend, options.threads);
}

// Smallest table a graph looks ids up in.
int64_t vocabulary(const Graph& graph) {
  int64_t rows = std::numeric_limits<int32_t>::max();
  for (int id = 0; id < graph.size(); ++id)
    if (graph.node(id).op == &weight_op && graph.node(id).paths.front().find("embed") != std::string::npos &&
        graph.node(id).shape.rank() == 2)
      rows = std::min(rows, graph.node(id).shape[0]);
  return rows;
}

}  // namespace

std::string_view to_string(Work work) {
  switch (work) {
    case Work::Step: return "step";
    case Work::Train: return "train";
    case Work::Text: return "text";
    case Work::Clip: return "clip";
    case Work::Decode: return "decode";
    case Work::Encode: return "encode";
  }
  return "";
}

Program compile_workload(const WorkloadSpec& spec, const ModelSizes& sizes, const WorkloadOptions& options) {
  return lowered(spec, build(spec, sizes), options);
}

struct Workload::Impl {
  struct Bound {
    TensorSpec spec;
    std::vector<std::byte> bytes;
  };

  Impl(const WorkloadSpec& spec, const ModelSizes& sizes, const WorkloadOptions& options, size_t available)
      : graph(build(spec, sizes)),
        threads(options.threads),
        program(lowered(spec, graph, options)),
        bank(weights, allocator) {
    weights.add(graph, DType::BF16, spec.work == Work::Text);
    const WeightBank::Plan plan = bank.plan(program.weights());
    planned = checked_add(std::max(plan.peak_bytes, plan.kept.bytes), program.memory().arena_bytes);
    if (planned > available)
      fail_with_hint(ErrorKind::OverBudget, "fewer `layers`, or a smaller `size`", "{} needs {} MiB, {} MiB are free",
                     to_string(spec.work), planned >> 20, available >> 20);
    const auto start = Clock::now();
    bank.prepare(program.weights(), threads);
    prepare_seconds = std::chrono::duration<double>(Clock::now() - start).count();
    arena = allocator.allocate(program.memory().arena_bytes, "arena");
    bind();
  }

  void bind() {
    TorchGenerator generator(1);
    const int64_t rows = vocabulary(graph);
    for (int id = 0; id < graph.size(); ++id) {
      const Node& n = graph.node(id);
      if (n.op != &input_op) continue;
      Bound& b = inputs[n.paths.front()];
      b.spec = {n.shape, n.element == Element::Index ? DType::I32 : DType::F32};
      b.bytes.resize(b.spec.bytes());
      if (n.element == Element::Index) {
        auto* ids = reinterpret_cast<int32_t*>(b.bytes.data());
        for (size_t i = 0; i < n.shape.elements(); ++i)
          ids[i] = static_cast<int32_t>((i * 7919 + 2) % static_cast<uint64_t>(rows));
      } else {
        auto* values = reinterpret_cast<float*>(b.bytes.data());
        if (n.shape.elements() >= 16) {  // PyTorch's generator has another rule for fewer
          generator.normal({values, n.shape.elements()});
        } else {
          std::fill_n(values, n.shape.elements(), 0.5f);  // the time
        }
      }
      bindings.inputs[n.paths.front()] = {b.spec, b.bytes.data()};
    }
    for (const Graph::Output& o : graph.outputs()) {
      Bound& b = outputs[o.name];
      b.spec = {graph.node(o.id).shape, DType::F32};
      b.bytes.resize(b.spec.bytes());
      bindings.outputs[o.name] = {b.spec, b.bytes.data()};
    }
  }

  Graph graph;
  ThreadPool threads;
  Allocator allocator;
  Program program;
  SyntheticWeights weights;
  WeightBank bank;
  Buffer arena;
  std::map<std::string, Bound> inputs, outputs;
  Bindings bindings;
  size_t planned = 0;
  double prepare_seconds = 0;
};

Workload::Workload(const WorkloadSpec& spec, const ModelSizes& sizes, const WorkloadOptions& options,
                   size_t available_bytes)
    : impl_(std::make_unique<Impl>(spec, sizes, options, available_bytes)) {}
Workload::~Workload() = default;

void Workload::run(StepClock* clock) {
  ExecutionContext context{impl_->threads, impl_->arena.data(), {}, clock};
  impl_->program.run(context, impl_->bank, impl_->bindings);
}

double Workload::flop() const { return impl_->program.flop(); }
size_t Workload::planned_bytes() const { return impl_->planned; }
size_t Workload::weight_bytes() const { return impl_->bank.kept().bytes; }
size_t Workload::allocated_bytes() const { return impl_->allocator.peak_bytes(); }
double Workload::prepare_seconds() const { return impl_->prepare_seconds; }

double Workload::largest_output() const {
  double largest = 0;
  for (const auto& [name, b] : impl_->outputs) {
    const auto* values = reinterpret_cast<const float*>(b.bytes.data());
    for (size_t i = 0; i < b.spec.shape.elements(); ++i)
      largest = std::isfinite(values[i]) ? std::max(largest, std::abs(static_cast<double>(values[i])))
                                         : std::numeric_limits<double>::infinity();
  }
  return largest;
}

}  // namespace newbie
