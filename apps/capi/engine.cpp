// Opening a model, and what may be said of it afterwards.
#include "engine.h"

#include "backend/device_caps.h"
#include "backend/registry.h"
#include "backend/vulkan_devices.h"
#include "core/machine.h"
#include "devices_json.h"
#include "generate/find_model.h"
#include "generate/known.h"
#include "precision_policy.h"
#include "text/system_prompts.h"

using namespace newbie;

namespace {

PrecisionPreset preset_of(int32_t given) {
  switch (given) {
    case NEWBIE_PRECISION_AUTO: return PrecisionPreset::Auto;
    case NEWBIE_PRECISION_F32: return PrecisionPreset::F32;
    case NEWBIE_PRECISION_BF16: return PrecisionPreset::BF16;
  }
  fail(ErrorKind::InvalidRequest, "precision: expected 0, 1 or 2, got {}", given);
}

constexpr DType kDTypes[] = {DType::F32, DType::BF16, DType::F16, DType::I8};

// A word that only some values have: `names` gives them.
template <typename Rows, typename Name>
[[noreturn]] void refuse_word(const char* what, const char* given, const Rows& rows, Name name) {
  std::string possible;
  for (const auto& row : rows) possible += (possible.empty() ? "" : ", ") + std::string(name(row));
  fail_with_hint(ErrorKind::InvalidRequest, "possible: " + possible, "{}: unknown value '{}'", what, given);
}

PrecisionRequest precision_of(const newbie_options& o) {
  PrecisionRequest out = preset_of(o.precision);
  if (o.precision != NEWBIE_PRECISION_AUTO && (o.dtype != nullptr || o.precision_preset != nullptr))
    fail(ErrorKind::InvalidRequest, "precision: said twice, once as a number and once in words");
  if (o.dtype != nullptr && std::string_view(o.dtype) != "auto") {
    out.dtype = find_dtype(o.dtype);
    if (!out.dtype || std::ranges::find(kDTypes, *out.dtype) == std::end(kDTypes))
      refuse_word("dtype", o.dtype, kDTypes, [](DType dtype) { return to_string(dtype); });
  }
  if (o.precision_preset != nullptr) {
    const auto preset = find_precision_preset(o.precision_preset);
    if (!preset)
      refuse_word("precision_preset", o.precision_preset, precision_presets(), [](auto& row) { return row.name; });
    out.preset = *preset;
  }
  if (o.precision_policy != nullptr) {
    PrecisionPolicyFile policy = read_precision_policy(o.precision_policy);
    out.rules = std::move(policy.rules);
    out.rescales = std::move(policy.rescales);
  }
  return out;
}

GuardMode guard_of(const char* given) {
  if (given == nullptr) return EngineOptions().guard;
  const auto modes = guard_modes();
  const auto row = std::ranges::find(modes, std::string_view(given), &Named<GuardMode>::name);
  if (row == modes.end()) refuse_word("guard", given, modes, [](auto& mode) { return mode.name; });
  return row->value;
}

BackendChoice backend_of(const char* given) {
  if (given == nullptr) return EngineOptions().backend;
  const auto rows = backends();
  const auto row = std::ranges::find(rows, std::string_view(given), [](auto& r) { return std::string_view(r.name); });
  if (row == rows.end()) refuse_word("backend", given, rows, [](auto& r) { return r.name; });
  return row->choice;
}

std::optional<std::filesystem::path> path_of(const char* given) {
  if (given == nullptr) return std::nullopt;
  return given;
}

EngineOptions engine_options(const newbie_options& o) {
  if (o.threads < 0) fail(ErrorKind::InvalidRequest, "threads: expected 0 or more, got {}", o.threads);
  EngineOptions out;
  out.threads = o.threads;
  out.memory_budget_bytes = o.memory_bytes;
  out.precision = precision_of(o);
  out.guard = guard_of(o.guard);
  out.backend = backend_of(o.backend);
  if (o.device != nullptr) {
    if (o.backend != nullptr) fail(ErrorKind::InvalidRequest, "device: said twice, and once as a backend");
    DeviceChoice choice = choose_device(o.device);
    out.backend = choice.backend;
    out.device = std::move(choice.device);
    out.device_reason = std::move(choice.reason);
  }
  out.device_budget_bytes = o.device_memory_bytes;
  out.text_cache = path_of(o.text_cache);
  out.weight_cache = path_of(o.weight_cache);
  out.adapters.folder = text(o.adapter_folder);
  out.kept_hashes = path_of(o.hash_file);
  return out;
}

ModelPaths model_paths(const newbie_options& o) {
  ModelPaths out{.folder = text(o.model),
                 .transformer = text(o.transformer),
                 .text_encoder = text(o.text_encoder),
                 .clip_model = text(o.clip_model),
                 .vae = text(o.vae)};
  if (o.lenient != 0) out.strictness = Strictness::Lenient;
  return find_model(std::move(out));
}

OrderedJson parts_json(const OpenedModel& model) {
  return {{"transformer", model.part(PartKind::Transformer).path.string()},
          {"text_encoder", model.part(PartKind::TextEncoder).path.string()},
          {"clip_model", model.part(PartKind::ClipModel).path.string()},
          {"vae", model.part(PartKind::Vae).path.string()}};
}

OrderedJson precision_json(const Resolution& resolution) {
  return {{"name", resolution.policy.name},
          {"preset", to_string(resolution.preset)},
          {"dtype", to_string(resolution.policy.dtype)},
          {"emulated", resolution.emulated},
          {"reasons", resolution.reasons},
          {"policy", resolution.policy.hash()}};
}

OrderedJson known_json(const std::optional<KnownThings>& known) {
  if (!known) return nullptr;
  OrderedJson sizes = OrderedJson::array(), words = OrderedJson::object();
  for (const PictureSize size : known->sizes) sizes.push_back({size.width, size.height});
  for (const auto& [kind, list] : known->words) words[kind] = list;
  return {{"sizes", sizes}, {"words", words}};
}

}  // namespace

void newbie_options_init(newbie_options* options, size_t struct_size) { fill(options, struct_size, newbie_options{}); }

newbie_status newbie_describe(char** json, newbie_error** error) {
  return give_json(json, error, [] {
    OrderedJson presets = OrderedJson::array(), dtypes = OrderedJson::array(), guards = OrderedJson::array(),
                runners = OrderedJson::array(), prompts = OrderedJson::array();
    for (const PrecisionPresetRow& row : precision_presets())
      presets.push_back({{"name", row.name},
                         {"other_name", row.other_name == nullptr ? OrderedJson() : OrderedJson(row.other_name)},
                         {"meaning", row.meaning}});
    for (const DType dtype : kDTypes) dtypes.push_back(to_string(dtype));
    for (const Named<GuardMode>& row : guard_modes()) guards.push_back(row.name);
    for (const BackendRow& row : backends()) runners.push_back({{"name", row.name}, {"meaning", row.meaning}});
    for (const NamedSystemPrompt& known : system_prompts())
      prompts.push_back({{"name", known.name}, {"about", known.about}, {"text", known.text}});
    const DeviceCaps device = this_cpu();
    return OrderedJson{{"version", NEWBIE_VERSION},
                       {"device",
                        {{"name", device.name},
                         {"native_bf16", device.native_bf16},
                         {"native_f16", device.native_f16},
                         {"native_int8", device.native_int8},
                         {"usable_cpus", usable_cpus()}}},
                       {"precision_presets", presets},
                       {"dtypes", dtypes},
                       {"guards", guards},
                       {"backends", runners},
                       {"picture_formats", {"png", "jpg", "webp"}},
                       {"system_prompts", prompts}};
  });
}

newbie_status newbie_devices(char** json, newbie_error** error) {
  return give_json(json, error, [] { return devices_json(this_cpu(), list_vulkan_devices()); });
}

newbie_status newbie_open(const newbie_options* options, newbie_engine** engine, newbie_error** error) {
  if (engine != nullptr) *engine = nullptr;
  return guarded(error, [&] {
    require(engine, "engine");
    const newbie_options o = read(options, "options");
    const EngineOptions how = engine_options(o);
    auto out = std::make_unique<newbie_engine>();
    out->open = std::make_shared<OpenEngine>(o, model_paths(o), how);
    *engine = out.release();
  });
}

void newbie_close(newbie_engine* engine) { delete engine; }

newbie_status newbie_engine_describe(newbie_engine* engine, char** json, newbie_error** error) {
  return give_json(json, error, [&] {
    const OpenEngine& open = *require(engine, "engine").open;
    const PictureSize size = open.engine.final_size({});
    return OrderedJson{{"version", NEWBIE_VERSION},
                       {"folder", open.paths.folder.string()},
                       {"parts", parts_json(open.engine.model())},
                       {"precision", precision_json(open.engine.precision())},
                       {"threads", open.engine.threads()},
                       {"memory_budget_bytes", open.memory_budget_bytes},
                       {"width", size.width},
                       {"height", size.height},
                       {"known", known_json(read_known(open.paths.folder))}};
  });
}

newbie_status newbie_engine_memory(newbie_engine* engine, char** json, newbie_error** error) {
  return give_json(json, error, [&] {
    const OpenEngine& open = *require(engine, "engine").open;
    return OrderedJson{{"allocated_bytes", open.engine.allocated_bytes()},
                       {"reserved_bytes", open.engine.reserved_bytes()},
                       {"resident_bytes", resident_bytes()},
                       {"peak_resident_bytes", peak_resident_bytes()}};
  });
}
