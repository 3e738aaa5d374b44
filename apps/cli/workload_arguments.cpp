#include "workload_arguments.h"

#include "core/machine.h"
#include "flags.h"
#include "generate/find_model.h"

namespace newbie {

namespace {

// "512" or "768x512"
void parse_size(const std::string& given, WorkloadSpec& spec) {
  const size_t x = given.find('x');
  spec.width = parse_integer("--size", given.substr(0, x));
  spec.height = x == std::string::npos ? spec.width : parse_integer("--size", given.substr(x + 1));
  constexpr int64_t kMost = 16384;
  if (spec.width < 1 || spec.height < 1 || spec.width > kMost || spec.height > kMost)
    fail(ErrorKind::InvalidRequest, "--size: expected 1 to {} pixels, got {}", kMost, given);
}

}  // namespace

ModelSizes sizes_of(const ModelPaths& given, Log& log) {
  const bool none = given.folder.empty() && given.transformer.empty() && given.text_encoder.empty() &&
                    given.clip_model.empty() && given.vae.empty();
  if (none) return full_size();
  const ModelPaths paths = locate_model(find_model(given)).paths;
  return {.transformer = open_transformer(paths.transformer, log).sizes,
          .text_encoder = open_text_encoder(paths.text_encoder, log).sizes,
          .clip_model = open_clip_model(paths.clip_model, log).sizes,
          .vae = open_vae(paths.vae, log).sizes};
}

void add_workload_flags(CLI::App& parser, WorkloadArguments& a) {
  Flags work(parser, "Work");
  work.value("--size", "N|WxH", "pixels of the picture (default: 512)",
             [&a](const std::string& given) { parse_size(given, a.spec); });
  work.integer("--tokens", a.spec.tokens, "of the prompt (default: 256)", 1, 131072);
  work.integer("--layers", a.spec.layers, "of the denoiser or of Gemma (default: all)", 1, 1000);
  work.integer("--lora-rank", a.spec.lora_rank, "with a made-up adapter on the official targets of the denoiser", 1,
               4096);
  work.flag("--recompute", a.spec.recompute, "training: what lies between the ways there and back is computed again");
  work.integer("--repeats", a.repeats, "counted runs; one more comes before them (default: 3)", 1, 1000);
  add_engine_flags(parser, a.engine, "the published sizes, with made-up weights");
}

PreparedWorkload prepare(const WorkloadArguments& a, Log& log) {
  const EngineOptions& engine = a.engine.options;
  PreparedWorkload out;
  out.threads = engine.threads > 0 ? engine.threads : usable_cpus();
  if (engine.backend == BackendChoice::Vulkan)
    fail_with_hint(ErrorKind::InvalidRequest, "leave `device` out, or measure by `newbie generate`",
                   "this command measures the CPU alone");
  out.backend = make_backend(engine.backend);
  const Resolution precision = resolve_precision(engine.precision, this_cpu());
  out.precision = precision.policy.name;
  out.workload = std::make_unique<Workload>(
      a.spec, sizes_of(a.engine.model, log),
      WorkloadOptions{
          .threads = out.threads, .precision = precision.policy, .backend = out.backend.get(), .fuse = engine.fuse},
      engine.memory_budget_bytes != 0 ? engine.memory_budget_bytes : available_memory_bytes());
  return out;
}

OrderedJson describe(const WorkloadArguments& a, const PreparedWorkload& prepared) {
  const WorkloadSpec& s = a.spec;
  OrderedJson out{{"work", to_string(s.work)}};
  if (s.work != Work::Text && s.work != Work::Clip) out["size"] = {s.width, s.height};
  if (s.work != Work::Decode && s.work != Work::Encode) out["tokens"] = s.tokens;
  if (s.layers > 0) out["layers"] = s.layers;
  if ((s.work == Work::Step || s.work == Work::Train) && s.lora_rank > 0) out["lora_rank"] = s.lora_rank;
  if (s.work == Work::Train) out["recompute"] = s.recompute;
  out["weights"] = a.engine.model.folder.empty() ? "full size, made up" : "the model's shapes, made up";
  out["precision"] = prepared.precision;
  out["threads"] = prepared.threads;
  out["tflop"] = prepared.workload->flop() / 1e12;
  return out;
}

}  // namespace newbie
