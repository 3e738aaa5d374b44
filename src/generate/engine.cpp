#include "generate/engine.h"

#include "backend/unused_kernels.h"
#include "backend/vulkan_devices.h"
#include "core/machine.h"

namespace newbie {

namespace {

// The stored format of a part is a reason for what it computes in, too: nothing finer can come of it.
Resolution with_stored_formats(Resolution resolution, const OpenedModel& model, const std::string& device_reason) {
  if (!device_reason.empty()) resolution.reasons.push_back("device: " + device_reason);
  for (const PartKind kind : kParts)
    if (const std::string formats = quantised_formats(model.part(kind).files); !formats.empty())
      resolution.reasons.push_back(
          fmt::format("{}: stored as {}, widened to what each step computes in", to_string(kind), formats));
  return resolution;
}

// What goes wrong on a device is told and ends the job: the retry in wider numbers is planned for the host's memory.
GuardMode guard_on(const Backend& backend, GuardMode wanted) {
  return !backend.uses_host_memory() && wanted == GuardMode::Retry ? GuardMode::Strict : wanted;
}

}  // namespace

Engine::Engine(const ModelPaths& paths, const EngineOptions& options, Log& l)
    : Engine(paths, options, l, make_backend(options.backend, options.device)) {}

Engine::Engine(const ModelPaths& paths, const EngineOptions& options, Log& l, std::unique_ptr<Backend> backend)
    : log(l),
      model(paths, options.kept_hashes, l),
      resolution(
          with_stored_formats(resolve_precision(options.precision, backend->caps()), model, options.device_reason)),
      runtime(options.threads > 0 ? options.threads : usable_cpus(), resolution.policy, std::move(backend),
              options.allocation_fault, options.device_allocation_fault),
      budget_bytes(options.memory_budget_bytes),
      device_budget_bytes(options.device_budget_bytes),
      guard_mode(guard_on(*runtime.backend, options.guard)),
      text_cache(options.text_cache ? std::optional<TextCache>(std::in_place, *options.text_cache, l) : std::nullopt),
      adapters(model.transformer, model.text_encoder, options.adapters),
      programs(
          {},
          [this](const ProgramKey& key) {
            return newbie::compile(build_graph(model, key), *runtime.backend, compile_options(key));
          },
          [] {
            forget_unused_kernels();
            release_free_heap();
          }) {
  runtime.fuse = options.fuse;
  runtime.decompose = options.decompose;
  runtime.name_values = options.name_values;
  if (options.weight_cache && runtime.device)
    log.warn("the weight cache is for the CPU: {} prepares its weights itself", runtime.backend->version());
  else if (options.weight_cache)
    weight_cache.emplace(*options.weight_cache, l, options.kept_hashes);
}

Network Engine::network(NetworkKind kind) {
  const PartKind part = row_of(kind).part;
  Network out(runtime, model.part(part).weights, std::string(to_string(part)));
  if (weight_cache)
    out.use_cache(*weight_cache, model.part(part), [this, part] { return model.fingerprints().of(part); });
  return out;
}

CompileOptions Engine::compile_options(const ProgramKey& key, std::span<const std::string> wide) {
  Network compiled = network(network_of(key.graph));
  compiled.adapt(adapters.find(key.adapters));
  PrecisionPolicy policy = runtime.precision;
  const auto widen = [&](std::string glob) {
    policy.rules.push_back(
        {.path_glob = std::move(glob), .change = OpPrecision{}, .rank = RuleRank::Guard, .origin = "the guard"});
  };
  if (key.wide) widen(compiled.part());
  for (const std::string& glob : wide) widen(glob);
  CompileOptions out = compiled.compile_options(std::move(policy));
  out.bands = key.bands;
  return out;
}

bool Engine::can_widen(const ProgramKey& key) {
  const std::lock_guard lock(mutex_);
  const auto known = can_widen_.find(key.graph);
  if (known != can_widen_.end()) return known->second;
  ProgramKey wide = key;
  wide.wide = true;
  const Graph graph = build_graph(model, key);
  const bool out = transform(graph, compile_options(key)).str() != transform(graph, compile_options(wide)).str();
  can_widen_.emplace(key.graph, out);
  return out;
}

size_t Engine::device_budget() const {
  if (!runtime.device) return 0;
  if (device_budget_bytes != 0) return device_budget_bytes;
  const size_t free = free_device_bytes(*runtime.backend) + runtime.device->in_use_bytes();
  return free - free / 10;
}

std::string Engine::arithmetic() const {
  return fmt::format("{} {}{}", runtime.precision.hash(), runtime.backend->version(), runtime.fuse ? "" : " unfused");
}

}  // namespace newbie
