#include "train/loss_network.h"

#include <algorithm>
#include <array>

#include "compile/compile.h"
#include "compile/differentiate.h"
#include "compile/recompute_activations.h"
#include "core/error.h"
#include "generate/network.h"
#include "graph/ops/dropout.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

ConstTensorView view(const Shape& shape, std::span<const float> values, std::string_view what) {
  if (values.size() != shape.elements())
    fail(ErrorKind::Internal, "{}: {} values for {}", what, values.size(), shape.str());
  return {{shape, DType::F32}, reinterpret_cast<const std::byte*>(values.data())};
}

TensorView view(const Shape& shape, std::span<float> values) {
  return {{shape, DType::F32}, reinterpret_cast<std::byte*>(values.data())};
}

// Of every weight of the network that is not trained, what does not stay in memory.
StreamedWeights not_kept(const Transformer& base, const Parameters& trained, LossNetwork::Base kept) {
  if (kept == LossNetwork::Base::Kept) return {};
  const Graph g = next_dit(base.sizes, 1, base.sizes.patch, base.sizes.patch);
  StreamedWeights out;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (n.op != &weight_op || trained.find(n.paths.front()) != nullptr) continue;
    const std::string& name = n.paths.front();
    if (kept == LossNetwork::Base::Nowhere) {
      out.insert(name);
    } else if (n.shape.rank() == 2) {  // matrices, as the way back reads them: in no kernel's layout
      for (const DType dtype : {DType::F32, DType::BF16, DType::F16})
        out.insert(WeightUse{name, {n.shape, dtype}, {}}.key());
    }
  }
  return out;
}

}  // namespace

LossNetwork::LossNetwork(TrainingRuntime& runtime, const Transformer& base, const Parameters& trained,
                         std::vector<AdaptedModule> modules, const Limits& limits)
    : runtime_(runtime),
      base_(base),
      trained_(trained),
      modules_(std::move(modules)),
      drops_(std::ranges::any_of(modules_, [](const AdaptedModule& m) { return m.dropout > 0; })),
      limits_(limits),
      weights_(base.weights, trained),
      streamed_(not_kept(base, trained, limits.base)),
      bank_(weights_, runtime.allocator, streamed_) {}

const Program& LossNetwork::program(const SampleShape& shape, Way way) {
  const auto known = programs_.find({shape, way});
  if (known != programs_.end()) return known->second;
  CompileOptions options{.precision = runtime_.policy, .part = "transformer", .threads = runtime_.pool.size()};
  options.stored_dtype = [this](const std::string& name) -> std::optional<DType> {
    return trained_.find(name) != nullptr ? DType::F32 : stored_dtype(base_.weights, name);
  };
  std::vector<AdaptedModule> modules = modules_;
  if (way == Way::There)
    for (AdaptedModule& m : modules) m.dropout = 0;
  Graph g = loss_graph(base_.sizes, shape, modules);
  if (way == Way::ThereAndBack) g = training_graph(g, trained_);
  g = transform(g, options);
  const auto lowered = [&](const Graph& candidate) {
    return Program(candidate, runtime_.backend, runtime_.pool.size());
  };
  // What is run is decided by then: pieces that are computed again are so by the same kernels.
  if (way == Way::ThereAndBack) {
    const auto bytes = [&](const Graph& candidate) { return lowered(candidate).memory().arena_bytes; };
    Graph most = limits_.recompute ? recompute_most(g) : Graph();
    const bool fits = limits_.recompute && bytes(most) <= limits_.arena_bytes;
    g = fits ? std::move(most) : recompute_activations(g, limits_.arena_bytes, bytes);
  }
  return programs_.emplace(std::pair{shape, way}, lowered(g)).first->second;
}

void LossNetwork::parameters_changed() { stale_ = true; }

void LossNetwork::bind_and_run(const Program& program, const LossInput& input, Bindings& bindings, StopToken stop) {
  const NextDitConfig& c = base_.sizes;
  const Shape latent{c.latent_channels, input.shape.height, input.shape.width};
  bindings.inputs["caption"] = view({input.shape.caption_tokens, c.caption_width}, input.caption, "caption");
  bindings.inputs["pooled"] = view({c.pooled_width}, input.pooled, "pooled");
  bindings.inputs["latent"] = view(latent, input.noisy, "latent");
  bindings.inputs["target"] = view(latent, input.target, "target");
  bindings.inputs["time"] = view({1}, std::span(&input.time, 1), "time");
  if (stale_) {
    std::vector<WeightUse> changed;
    for (const auto& [key, p] : programs_)
      for (const WeightUse& use : p.weights())
        if (trained_.find(use.name) != nullptr) changed.push_back(use);
    bank_.drop(changed);
    for (const AdaptedModule& m : modules_)
      if (m.kind == TrainingKind::Dora) norms_[dora_norm_input(m.name)] = inverse_row_norms(m, base_.weights, trained_);
    stale_ = false;
  }
  for (const auto& [name, values] : norms_)
    bindings.inputs[name] = view({static_cast<int64_t>(values.size())}, values, name);
  bank_.prepare(program.weights(), runtime_.pool, stop);
  if (arena_.size() < program.memory().arena_bytes) {
    arena_ = {};
    arena_ = runtime_.allocator.allocate(program.memory().arena_bytes, "activations");
  }
  if (const size_t bytes = program.window_bytes(bank_); window_.size() < bytes) {
    window_ = {};
    window_ = runtime_.allocator.allocate(bytes, "streamed weights");
  }
  ExecutionContext context{.threads = runtime_.pool, .arena = arena_.data(), .stop = stop, .window = window_.data()};
  program.run(context, bank_, bindings, observer_);
  base_.weights.check_intact();
}

double LossNetwork::run(const LossInput& input, float loss_gradient, Tensors32& gradients, StopToken stop) {
  const Program& p = program(input.shape, Way::ThereAndBack);
  Bindings bindings;
  float loss = 0;
  const std::array<float, 8> key = dropout_key_values(input.dropout_key);
  if (drops_) bindings.inputs[std::string(kDropoutKey)] = view({8}, key, kDropoutKey);
  bindings.inputs[std::string(kLossGradient)] = view({1}, std::span(&loss_gradient, 1), kLossGradient);
  bindings.outputs["loss"] = view({1}, std::span(&loss, 1));
  gradients.resize(trained_.all().size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Parameter& parameter = trained_.all()[i];
    gradients[i].resize(parameter.values.size());
    bindings.outputs[gradient_name(parameter.name)] = view(parameter.shape, std::span(gradients[i]));
  }
  bind_and_run(p, input, bindings, stop);
  return static_cast<double>(loss);
}

double LossNetwork::loss(const LossInput& input, StopToken stop) {
  const Program& p = program(input.shape, Way::There);
  Bindings bindings;
  float loss = 0;
  bindings.outputs["loss"] = view({1}, std::span(&loss, 1));
  bind_and_run(p, input, bindings, stop);
  return static_cast<double>(loss);
}

LossNetwork::Memory LossNetwork::plan(const SampleShape& shape, Base base) {
  const Program& p = program(shape, Way::ThereAndBack);
  const WeightBank bank(weights_, runtime_.allocator,
                        base == limits_.base ? streamed_ : not_kept(base_, trained_, base));
  return {.arena_bytes = p.memory().arena_bytes,
          .weights = bank.plan(p.weights()),
          .window_bytes = p.window_bytes(bank),
          .mapped_bytes = p.streaming(bank).mapped_bytes,
          .flop = p.flop()};
}

}  // namespace newbie
