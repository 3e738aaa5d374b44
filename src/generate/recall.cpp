#include "generate/recall.h"

#include <algorithm>

#include "core/json.h"
#include "diffusion/registry.h"
#include "generate/json_text.h"
#include "generate/metadata.h"
#include "generate/recall_comfyui.h"
#include "generate/request_fields.h"

namespace newbie {

namespace {

// What a picture says of the engine: its key, and the option.
constexpr std::pair<const char*, const char*> kEngineOptions[] = {{"precision", "dtype"},
                                                                  {"precision_preset", "precision"}};

// Format 1 had the fields of the second pass in an object of their own.
void flatten_hires(OrderedJson& j) {
  const auto found = j.find("hires");
  if (found == j.end() || !found->is_object()) return;
  const OrderedJson hires = *found;  // what is added to an ordered object moves what is in it
  for (const char* key : {"scale", "strength", "steps"})
    if (const auto value = hires.find(key); value != hires.end()) j[std::string("hires_") + key] = *value;
  if (const auto rule = hires.find("strength_rule"); rule != hires.end()) j["strength_rule"] = *rule;
  j.erase("hires");
}

void check_list(const RequestField& field, const OrderedJson& list, std::string_view where) {
  try {
    check_value(field, list);
  } catch (const Error& e) {
    fail(ErrorKind::BadFile, "{}: text '{}': {}", where, kRequestKey, e.message());
  }
}

Recollection recall_own(std::string_view text, std::string_view where) {
  OrderedJson j = parse_ordered_json(text, fmt::format("{}: text '{}'", where, kRequestKey));
  if (!j.is_object() || !j.contains("format"))
    fail(ErrorKind::BadFile, "{}: text '{}': expected an object with a format", where, kRequestKey);
  if (j["format"] != kRequestFormat && j["format"] != 1)
    fail_with_hint(ErrorKind::Unsupported, "it was written by a newer newbie",
                   "{}: a request of format {}, expected at most {}", where, text_of(j["format"]), kRequestFormat);
  flatten_hires(j);
  Recollection out{.source = kRequestKey};
  const auto instead = [&](const RequestField& field) {  // of one that the picture says nothing by
    return std::ranges::any_of(request_fields(), [&](const RequestField& other) {
      return std::ranges::find(other.instead_of, field.name) != other.instead_of.end() &&
             j.contains(std::string(other.name));
    });
  };
  for (const RequestField& field : request_fields()) {
    const auto said = j.find(std::string(field.name));
    if (said == j.end() || field.kind == FieldKind::Picture || instead(field)) continue;
    const bool is_list = field.kind == FieldKind::Reals || field.kind == FieldKind::Adapters;
    if (said->is_object() || said->is_null() || said->is_array() != is_list) continue;
    if (is_list) check_list(field, *said, where);
    for (std::string& words : words_of_value(field, *said)) out.fields.emplace_back(field.name, std::move(words));
  }
  for (const auto& [key, option] : kEngineOptions)
    if (const auto said = j.find(key); said != j.end() && said->is_string())
      out.fields.emplace_back(option, said->get<std::string>());
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
    out.fields.emplace_back("negative_prompt", words.substr(negative + kNegative.size()));
  }
  if (!has_settings) return out;
  for (const auto& [key, value] : a1111_pairs(text.substr(last_line))) {
    if (key == "Steps") {
      out.fields.emplace_back("steps", value);
    } else if (key == "CFG scale") {
      out.fields.emplace_back("cfg", value);
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
      out.fields.emplace_back("hires_scale", value);
    } else if (key == "Hires steps" && value != "0") {
      out.fields.emplace_back("hires_steps", value);
    } else if (key != "Version" && key != "Model hash" && key != "Model" && key != "Hires upscaler") {
      out.notes.push_back(fmt::format("{}: {} has no counterpart", key, value));
    }
  }
  // With a second pass the strength is that pass's.
  if (out.find("hires_scale") != nullptr)
    for (auto& [name, value] : out.fields)
      if (name == "strength") name = "hires_strength";
  return out;
}

}  // namespace

const std::string* Recollection::find(std::string_view field) const {
  for (const auto& [name, value] : fields)
    if (name == field) return &value;
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
