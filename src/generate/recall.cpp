// Which program wrote a text, and so who reads it.
#include "generate/recall.h"

#include <algorithm>

#include "core/json.h"
#include "generate/json_text.h"
#include "generate/metadata.h"
#include "generate/recall/programs.h"
#include "generate/request_fields.h"
#include "text/plain_text.h"

namespace newbie {

namespace {

// Python writes NaN and Infinity where JSON has no word: null stands for them. Texts in quotes stay as they are.
std::string without_nan(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      out += c;
      out += text[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    const std::string_view rest = text.substr(i);
    const std::string_view word = quoted                          ? std::string_view()
                                  : rest.starts_with("NaN")       ? std::string_view("NaN")
                                  : rest.starts_with("-Infinity") ? std::string_view("-Infinity")
                                  : rest.starts_with("Infinity")  ? std::string_view("Infinity")
                                                                  : std::string_view();
    if (word.empty()) {
      out += c;
    } else {
      out += "null";
      i += word.size() - 1;
    }
  }
  return out;
}

OrderedJson parse_python_json(std::string_view text, const std::string& where) {
  return parse_ordered_json(without_nan(text), where);
}

bool has_node_with(const OrderedJson& json, const char* key) {
  return std::ranges::any_of(json, [&](const OrderedJson& node) { return node.is_object() && node.contains(key); });
}

// Of a JSON object that some program wrote.
std::optional<Recollection> recall_object(const OrderedJson& j, std::string_view where) {
  const auto holds = [&](std::initializer_list<const char*> keys) {
    return std::ranges::all_of(keys, [&](const char* key) { return j.contains(key); });
  };
  if (!j.is_object()) return std::nullopt;
  if (holds({"nodes"})) return recall_comfyui_workflow(j, where);
  if (holds({"format"})) return recall_own(j, where);
  if (holds({"sui_image_params"})) return recall_swarmui(j);
  if (holds({"positive_prompt"}) || holds({"generation_mode"})) return recall_invokeai(j);
  if (holds({"image", "app_version"}) || holds({"image", "model_weights"})) return recall_old_invokeai(j);
  if (holds({"Comment"}) && j["Comment"].is_string())
    return recall_novelai(parse_python_json(j["Comment"].get<std::string>(), fmt::format("{}: Comment", where)));
  if (holds({"prompt", "uc"}) || holds({"v4_prompt"})) return recall_novelai(j);
  if (holds({"prompt", "metadata_scheme"}) || holds({"prompt", "base_model"})) return recall_fooocus(j);
  if (has_node_with(j, "class_type")) return recall_comfyui_prompt(j, where);
  if (holds({"prompt"}) && j["prompt"].is_object() && has_node_with(j["prompt"], "class_type"))
    return recall_comfyui_prompt(j["prompt"], where);  // as it is sent to a server
  return std::nullopt;
}

// The settings text, which some programs fill with JSON. A prompt may be JSON, too, with settings behind it.
std::optional<Recollection> recall_parameters(std::string_view text, std::string_view where) {
  const size_t first = text.find_first_not_of(" \r\n\t");
  if (first == text.npos || text[first] != '{') return recall_a1111(text);
  OrderedJson json;
  try {
    json = parse_python_json(text, fmt::format("{}: text 'parameters'", where));
  } catch (const Error&) {
    return recall_a1111(text);
  }
  if (auto read = recall_object(json, where)) return read;
  fail_with_hint(ErrorKind::Unsupported, "docs/from-pictures.md lists the programs that are known",
                 "{}: text 'parameters': JSON of a program that is not known", where);
}

}  // namespace

const std::string* Recollection::find(std::string_view field) const {
  for (const auto& [name, value] : fields)
    if (name == field) return &value;
  return nullptr;
}

RecalledFields recalled_fields(const Recollection& recalled, const std::function<void(const Error&)>& on_error) {
  RecalledFields out;
  for (const auto& [name, words] : recalled.fields) {
    const RequestField* field = find_request_field(name);
    if (field == nullptr) {
      out.engine[name] = words;
      continue;
    }
    try {
      OrderedJson value = value_of_words(*field, words);
      if (field->kind == FieldKind::Adapters && out.request.contains(name))  // comes once for each
        out.request[name].insert(out.request[name].end(), value.begin(), value.end());
      else
        out.request[name] = std::move(value);
    } catch (const Error& e) {
      on_error(e);
    }
  }
  return out;
}

std::optional<Recollection> recall(std::span<const TextChunk> texts, std::string_view where) {
  const auto text = [&](std::string_view key) -> const std::string* {
    for (const TextChunk& chunk : texts)
      if (chunk.key == key) return &chunk.text;
    return nullptr;
  };
  const auto json_of = [&](const char* key, const std::string& said) {
    return parse_python_json(said, fmt::format("{}: text '{}'", where, key));
  };
  if (const std::string* own = text(kRequestKey)) return recall_own(json_of(kRequestKey, *own), where);
  if (const std::string* said = text("invokeai_metadata")) return recall_invokeai(json_of("invokeai_metadata", *said));
  if (const std::string* said = text("sd-metadata"))
    if (const OrderedJson json = json_of("sd-metadata", *said); json.contains("image"))
      return recall_old_invokeai(json);
  if (const std::string* comment = text("Comment"); comment != nullptr && text("Description") != nullptr)
    if (const OrderedJson json = json_of("Comment", *comment); json.is_object()) return recall_novelai(json);
  if (const std::string* said = text("parameters")) return recall_parameters(*said, where);
  if (const std::string* graph = text("prompt")) return recall_comfyui_prompt(json_of("prompt", *graph), where);
  if (const std::string* graph = text("workflow")) return recall_comfyui_workflow(json_of("workflow", *graph), where);
  return std::nullopt;
}

std::optional<Recollection> recall_text(std::string_view text, std::string_view where) {
  const std::string plain = plain_text(text);
  const size_t first = plain.find_first_not_of(" \r\n\t");
  if (first == plain.npos) return std::nullopt;
  if (plain[first] != '{' && plain[first] != '[') return recall_a1111(plain);
  try {
    return recall_object(parse_python_json(plain, std::string(where)), where);
  } catch (const Error&) {
    // A prompt that is JSON, with its settings behind it.
    if (Recollection read = recall_a1111(plain); read.find("steps") != nullptr) return read;
    throw;
  }
}

}  // namespace newbie
