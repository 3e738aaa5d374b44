#include "generate/recall.h"

#include "core/json.h"
#include "diffusion/registry.h"
#include "generate/json_text.h"
#include "generate/metadata.h"
#include "generate/recall_comfyui.h"

namespace newbie {

namespace {

struct Field {
  const char* key;
  const char* flag;
};

constexpr Field kOwnFields[] = {{"prompt", "prompt"},
                                {"negative_prompt", "negative-prompt"},
                                {"system_prompt", "system-prompt"},
                                {"routing", "routing"},
                                {"weights", "weights"},
                                {"max_gemma_tokens", "max-gemma-tokens"},
                                {"max_jina_tokens", "max-jina-tokens"},
                                {"width", "width"},
                                {"height", "height"},
                                {"seed", "seed"},
                                {"batch", "batch-count"},
                                {"batch_noise", "batch-noise"},
                                {"sampler", "sampling-method"},
                                {"shift", "shift"},
                                {"eta", "eta"},
                                {"cfg", "cfg-scale"},
                                {"cfg_trunc", "cfg-trunc"},
                                {"renorm_cfg", "renorm-cfg"},
                                {"rescale_cfg", "rescale-cfg"},
                                {"vae_tiling", "vae-tiling"},
                                {"cache", "cache"},
                                {"cache_threshold", "cache-threshold"},
                                {"strength", "strength"},
                                {"strength_rule", "strength-rule"},
                                {"precision", "dtype"},
                                {"precision_preset", "precision"}};
constexpr Field kHiresFields[] = {
    {"scale", "hires"}, {"strength", "hires-strength"}, {"steps", "hires-steps"}, {"strength_rule", "strength-rule"}};

Recollection recall_own(std::string_view text, std::string_view where) {
  const OrderedJson j = parse_ordered_json(text, fmt::format("{}: text '{}'", where, kRequestKey));
  if (!j.is_object() || !j.contains("format"))
    fail(ErrorKind::BadFile, "{}: text '{}': expected an object with a format", where, kRequestKey);
  if (j["format"] != 1)
    fail_with_hint(ErrorKind::Unsupported, "it was written by a newer newbie", "{}: a request of format {}, expected 1",
                   where, text_of(j["format"]));
  Recollection out{.source = kRequestKey};
  const auto take = [&](const OrderedJson& object, std::span<const Field> fields) {
    for (const Field& field : fields)
      if (const auto it = object.find(field.key);
          it != object.end() && (it->is_string() || it->is_number() || it->is_boolean()))
        out.fields.emplace_back(field.flag, text_of(*it));
  };
  take(j, kOwnFields);
  // Noise levels by hand exclude a schedule and its steps.
  if (const auto sigmas = j.find("sigmas"); sigmas != j.end() && sigmas->is_array()) {
    std::string list;
    for (const OrderedJson& sigma : *sigmas) list += (list.empty() ? "" : ",") + text_of(sigma);
    out.fields.emplace_back("sigmas", list);
  } else {
    constexpr Field kSchedule[] = {{"schedule", "scheduler"}, {"steps", "steps"}};
    take(j, kSchedule);
  }
  if (const auto hires = j.find("hires"); hires != j.end() && hires->is_object()) take(*hires, kHiresFields);
  out.precision_policy = string_at(j, "precision_policy");
  out.init_image = string_at(j, "init_image");
  out.mask = string_at(j, "mask");
  if (const auto parts = j.find("parts"); parts != j.end() && parts->is_object())
    out.parts = {string_at(*parts, "transformer"), string_at(*parts, "text_encoder"), string_at(*parts, "clip_model"),
                 string_at(*parts, "vae")};
  return out;
}

// "Steps: 20, Sampler: Euler a, Size: 512x512, Note: "a, b"" as pairs.
std::vector<std::pair<std::string, std::string>> a1111_pairs(std::string_view line) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!line.empty()) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) break;
    std::string_view key = line.substr(0, colon);
    key.remove_prefix(std::min(key.find_first_not_of(" ,"), key.size()));
    line.remove_prefix(colon + 1);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    size_t end = 0;
    for (bool quoted = line.starts_with('"'), first = true; end < line.size(); ++end, first = false) {
      if (quoted && line[end] == '\\' && end + 1 < line.size())
        ++end;
      else if (quoted && !first && line[end] == '"')
        quoted = false;
      else if (!quoted && line[end] == ',')
        break;
    }
    out.emplace_back(key, line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return out;
}

Recollection recall_a1111(std::string_view text) {
  Recollection out{.source = "parameters"};
  const size_t last_line = text.rfind('\n') == std::string_view::npos ? 0 : text.rfind('\n') + 1;
  const bool has_settings = text.substr(last_line).starts_with("Steps: ");
  std::string_view words = has_settings ? text.substr(0, last_line) : text;
  if (words.ends_with('\n')) words.remove_suffix(1);
  constexpr std::string_view kNegative = "Negative prompt: ";
  size_t negative = words.starts_with(kNegative) ? 0 : words.find("\nNegative prompt: ");
  out.fields.emplace_back("prompt", words.substr(0, negative));
  if (negative != std::string_view::npos) {
    negative += words[negative] == '\n';
    out.fields.emplace_back("negative-prompt", words.substr(negative + kNegative.size()));
  }
  if (!has_settings) return out;
  for (const auto& [key, value] : a1111_pairs(text.substr(last_line))) {
    if (key == "Steps") {
      out.fields.emplace_back("steps", value);
    } else if (key == "CFG scale") {
      out.fields.emplace_back("cfg-scale", value);
    } else if (key == "Seed") {
      out.fields.emplace_back("seed", value);
    } else if (key == "Size") {
      if (const size_t x = value.find('x'); x != std::string::npos) {
        out.fields.emplace_back("width", value.substr(0, x));
        out.fields.emplace_back("height", value.substr(x + 1));
      }
    } else if (key == "Sampler") {
      take_sampler(value, out);
    } else if (key == "Schedule type") {
      take_schedule(value, out);
    } else if (key == "Shift") {
      out.fields.emplace_back("shift", value);
    } else if (key == "Denoising strength") {
      out.fields.emplace_back("strength", value);
    } else if (key == "Hires upscale") {
      out.fields.emplace_back("hires", value);
    } else if (key == "Hires steps" && value != "0") {
      out.fields.emplace_back("hires-steps", value);
    } else if (key != "Version" && key != "Model hash" && key != "Model" && key != "Hires upscaler") {
      out.notes.push_back(fmt::format("{}: {} has no counterpart", key, value));
    }
  }
  // With a second pass the strength is that pass's.
  if (out.find("hires") != nullptr)
    for (auto& [flag, value] : out.fields)
      if (flag == "strength") flag = "hires-strength";
  return out;
}

}  // namespace

const std::string* Recollection::find(std::string_view field) const {
  for (const auto& [flag, value] : fields)
    if (flag == field) return &value;
  return nullptr;
}

std::optional<Recollection> recall(std::span<const TextChunk> texts, std::string_view where) {
  const auto text = [&](std::string_view key) -> const std::string* {
    for (const TextChunk& chunk : texts)
      if (chunk.key == key) return &chunk.text;
    return nullptr;
  };
  if (const std::string* own = text(kRequestKey)) return recall_own(*own, where);
  if (const std::string* a1111 = text("parameters")) return recall_a1111(*a1111);
  if (const std::string* graph = text("prompt")) return recall_comfyui_prompt(*graph, where);
  if (const std::string* workflow = text("workflow")) return recall_comfyui_workflow(*workflow, where);
  return std::nullopt;
}

std::optional<Recollection> recall_json(std::string_view text, std::string_view where) {
  const OrderedJson j = parse_ordered_json(text, where);
  if (!j.is_object()) return std::nullopt;
  if (j.contains("nodes")) return recall_comfyui_workflow(text, where);
  if (j.contains("format")) return recall_own(text, where);
  for (const auto& [id, node] : j.items())
    if (node.is_object() && node.contains("class_type")) return recall_comfyui_prompt(text, where);
  return std::nullopt;
}

}  // namespace newbie
