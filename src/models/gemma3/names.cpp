#include "models/gemma3/names.h"

#include <algorithm>

#include "core/error.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kEmbedding = "embed_tokens.weight";

constexpr std::string_view kLayer[] = {
    "input_layernorm.weight",
    "self_attn.q_proj.weight",
    "self_attn.k_proj.weight",
    "self_attn.v_proj.weight",
    "self_attn.o_proj.weight",
    "self_attn.q_norm.weight",
    "self_attn.k_norm.weight",
    "post_attention_layernorm.weight",
    "pre_feedforward_layernorm.weight",
    "mlp.gate_proj.weight",
    "mlp.up_proj.weight",
    "mlp.down_proj.weight",
    "post_feedforward_layernorm.weight",
};

std::string_view text_prefix(std::span<const std::string> keys, std::string_view where) {
  const std::string* found = nullptr;
  for (const std::string& key : keys) {
    if (!key.ends_with(kEmbedding) || key.find("vision") != std::string::npos) continue;
    const size_t before = key.size() - kEmbedding.size();
    if (before != 0 && key[before - 1] != '.') continue;
    if (found != nullptr)
      fail(ErrorKind::BadFile, "{}: expected one text embedding, got '{}' and '{}'", where, *found, key);
    found = &key;
  }
  if (found == nullptr)
    fail_with_hint(ErrorKind::BadFile, "is this another part of the model?",
                   "{}: expected a Gemma 3 checkpoint with a key that ends in {}, got {} other keys", where, kEmbedding,
                   keys.size());
  return std::string_view(*found).substr(0, found->size() - kEmbedding.size());
}

bool is_text_key(std::string_view name) {
  if (name == kEmbedding || name == "norm.weight") return true;
  const std::vector<std::string_view> parts = split_key(name);
  return parts.size() > 2 && parts[0] == "layers" && parse_index(parts[1]) &&
         is_one_of(name.substr(parts[0].size() + 1 + parts[1].size() + 1), kLayer);
}

// Parts of a multimodal checkpoint beside the text model, and ComfyUI's tokenizer.
constexpr std::string_view kNotNeeded[] = {"vision_tower", "vision_model", "multi_modal_projector", "lm_head",
                                           "spiece_model"};

bool is_not_needed(std::string_view key) {
  const std::vector<std::string_view> parts = split_key(key);
  return std::any_of(parts.begin(), parts.end(), [](std::string_view part) { return is_one_of(part, kNotNeeded); });
}

}  // namespace

NameMap gemma3_names(std::span<const std::string> keys, std::string_view where) {
  const std::string_view prefix = text_prefix(keys, where);
  for (const std::string_view mark : {"layers.0.post_feedforward_layernorm.weight", "layers.0.self_attn.q_norm.weight"})
    if (!contains_key(keys, prefix, mark))
      fail(ErrorKind::BadFile, "{}: expected a Gemma 3 checkpoint with {}{}, got none: another language model?", where,
           prefix, mark);

  NameMap map;
  for (const std::string& key : keys) {
    const auto name = strip_prefix(key, prefix);
    if (name && is_text_key(*name))
      map.names.push_back({std::string(*name), key});
    else
      (is_not_needed(key) ? map.ignored : map.unknown).push_back(key);
  }
  require_unique(map, where);
  return map;
}

}  // namespace newbie
