#include "models/gemma3/names.h"

#include <algorithm>

#include "core/error.h"
#include "core/printable.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kEmbedding = "embed_tokens.weight";

// A weight of a layer: here (as in Hugging Face's files), and in llama.cpp's.
struct LayerName {
  std::string_view name, llama;
};
constexpr LayerName kLayer[] = {
    {"input_layernorm.weight", "attn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},
    {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.v_proj.weight", "attn_v.weight"},
    {"self_attn.o_proj.weight", "attn_output.weight"},
    {"self_attn.q_norm.weight", "attn_q_norm.weight"},
    {"self_attn.k_norm.weight", "attn_k_norm.weight"},
    {"post_attention_layernorm.weight", "post_attention_norm.weight"},
    {"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},
    {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"},
    {"post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
};
constexpr LayerName kOuter[] = {{kEmbedding, "token_embd.weight"}, {"norm.weight", "output_norm.weight"}};
constexpr std::string_view kLlamaNotNeeded[] = {"output.weight", "rope_freqs.weight"};

// The row of a layer's weight, by the word that `of` picks.
const LayerName* find_layer_name(std::string_view name, std::string_view LayerName::*of) {
  const auto* const row = std::ranges::find(kLayer, name, of);
  return row == std::end(kLayer) ? nullptr : row;
}

// "layers.12.mlp.up_proj.weight" in three, or nothing when it does not begin with `word` and a number.
struct LayerKey {
  std::string_view number, name;
};
std::optional<LayerKey> layer_key(std::string_view key, std::string_view word) {
  const std::vector<std::string_view> parts = split_key(key);
  if (parts.size() < 3 || parts[0] != word || !parse_index(parts[1])) return std::nullopt;
  return LayerKey{parts[1], key.substr(parts[0].size() + 1 + parts[1].size() + 1)};
}

std::string_view text_prefix(std::span<const std::string> keys, std::string_view where) {
  const std::string* found = nullptr;
  for (const std::string& key : keys) {
    if (!key.ends_with(kEmbedding) || key.find("vision") != std::string::npos) continue;
    const size_t before = key.size() - kEmbedding.size();
    if (before != 0 && key[before - 1] != '.') continue;
    if (found != nullptr)
      fail(ErrorKind::BadFile, "{}: expected one text embedding, got {} and {}", where, in_quotes(*found),
           in_quotes(key));
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
  const auto key = layer_key(name, "layers");
  return key && find_layer_name(key->name, &LayerName::name) != nullptr;
}

// The canonical name of llama.cpp's, or an empty string.
std::string from_llama(std::string_view key) {
  for (const LayerName& row : kOuter)
    if (row.llama == key) return std::string(row.name);
  const auto layer = layer_key(key, "blk");
  const LayerName* row = layer ? find_layer_name(layer->name, &LayerName::llama) : nullptr;
  return row == nullptr ? std::string() : fmt::format("layers.{}.{}", layer->number, row->name);
}

NameMap llama_names(std::span<const std::string> keys, std::string_view where) {
  NameMap map;
  for (const std::string& key : keys) {
    std::string name = from_llama(key);
    const bool is_norm = is_gemma_norm(name);
    if (!name.empty())
      map.names.push_back({.canonical = std::move(name), .file_key = key, .minus_one = is_norm});
    else
      (is_one_of(key, kLlamaNotNeeded) ? map.ignored : map.unknown).push_back(key);
  }
  require_unique(map, where);
  return map;
}

// Parts of a multimodal checkpoint beside the text model, and ComfyUI's tokenizer.
constexpr std::string_view kNotNeeded[] = {"vision_tower", "vision_model", "multi_modal_projector", "lm_head",
                                           "spiece_model"};

bool is_not_needed(std::string_view key) {
  const std::vector<std::string_view> parts = split_key(key);
  return std::any_of(parts.begin(), parts.end(), [](std::string_view part) { return is_one_of(part, kNotNeeded); });
}

}  // namespace

bool is_gemma_norm(std::string_view canonical) { return canonical.ends_with("norm.weight"); }

std::string llama_gemma_name(std::string_view canonical) {
  for (const LayerName& row : kOuter)
    if (row.name == canonical) return std::string(row.llama);
  const auto layer = layer_key(canonical, "layers");
  const LayerName* row = layer ? find_layer_name(layer->name, &LayerName::name) : nullptr;
  if (row == nullptr) fail(ErrorKind::Internal, "llama.cpp has no name for {}", canonical);
  return fmt::format("blk.{}.{}", layer->number, row->llama);
}

NameMap gemma3_names(std::span<const std::string> keys, std::string_view where) {
  if (contains_key(keys, "", "token_embd.weight") && contains_key(keys, "", "blk.0.post_ffw_norm.weight"))
    return llama_names(keys, where);
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
