#include "models/jina_clip/names.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/printable.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kTextPrefix = "text_model.transformer.roberta.";
constexpr std::string_view kParametrized = ".parametrizations.weight.";

// The Hub's name of a key, or an empty string when it is none of the model's weights.
std::string hub_name(std::string_view key, bool comfy) {
  if (key.starts_with(kTextPrefix) || key.starts_with("vision_model.") || key == "logit_scale") return std::string(key);
  if (comfy)
    if (const auto rest = strip_prefix(key, "model.")) return std::string(kTextPrefix) + std::string(*rest);
  return {};
}

struct ParametrizedWeight {
  const std::string* original = nullptr;
  const std::string* a = nullptr;
  const std::string* b = nullptr;
};

}  // namespace

JinaClipNames jina_clip_names(std::span<const std::string> keys, std::string_view where) {
  const bool comfy =
      std::none_of(keys.begin(), keys.end(), [](const std::string& key) { return key.starts_with(kTextPrefix); });
  JinaClipNames result;
  std::map<std::string, ParametrizedWeight> parametrized;  // by the name before ".parametrizations"
  for (const std::string& key : keys) {
    const std::string name = hub_name(key, comfy);
    const size_t at = name.find(kParametrized);
    if (name.empty()) {
      (key == "spiece_model" ? result.map.ignored : result.map.unknown).push_back(key);
    } else if (at == std::string::npos) {
      result.map.names.push_back({name, key});
    } else {
      ParametrizedWeight& parts = parametrized[name.substr(0, at)];
      const std::string_view part = std::string_view(name).substr(at + kParametrized.size());
      if (part == "original")
        parts.original = &key;
      else if (part == "0.lora_A")
        parts.a = &key;
      else if (part == "0.lora_B")
        parts.b = &key;
      else
        fail(ErrorKind::Unsupported, "{}: expected original, 0.lora_A and 0.lora_B of a parametrised weight, got {}",
             where, in_quotes(key));
    }
  }

  NameMap all = result.map;  // with the merged names, to see that no weight comes twice
  for (const auto& [base, parts] : parametrized) {
    if (parts.original == nullptr || (parts.a == nullptr) != (parts.b == nullptr))
      fail(ErrorKind::BadFile, "{}: expected {}{}{{original, 0.lora_A, 0.lora_B}}, got {}{}{}", where, base,
           kParametrized, parts.original != nullptr ? "original " : "", parts.a != nullptr ? "0.lora_A " : "",
           parts.b != nullptr ? "0.lora_B" : "");
    const std::string canonical = base + ".weight";
    all.names.push_back({canonical, *parts.original});
    if (parts.a == nullptr)
      result.map.names.push_back({canonical, *parts.original});
    else
      result.adapted.push_back({canonical, *parts.original, *parts.a, *parts.b, base.ends_with("_embeddings")});
  }
  require_unique(all, where);

  const std::string embedding = std::string(kTextPrefix) + "embeddings.word_embeddings.weight";
  if (std::none_of(all.names.begin(), all.names.end(),
                   [&](const MappedName& name) { return name.canonical == embedding; }))
    fail_with_hint(ErrorKind::BadFile, "is this another part of the model?",
                   "{}: expected a Jina CLIP checkpoint with {}, got {} other keys", where, embedding, keys.size());
  return result;
}

}  // namespace newbie
