#include "models/next_dit/names.h"

#include "core/error.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kPrefixes[] = {"", "model.diffusion_model.", "diffusion_model.", "transformer.", "module."};

constexpr std::string_view kGlobal[] = {
    "x_embedder.weight",
    "x_embedder.bias",
    "t_embedder.mlp.0.weight",
    "t_embedder.mlp.0.bias",
    "t_embedder.mlp.2.weight",
    "t_embedder.mlp.2.bias",
    "cap_embedder.0.weight",
    "cap_embedder.1.weight",
    "cap_embedder.1.bias",
    "clip_text_pooled_proj.0.weight",
    "clip_text_pooled_proj.1.weight",
    "clip_text_pooled_proj.1.bias",
    "time_text_embed.1.weight",
    "time_text_embed.1.bias",
    "final_layer.linear.weight",
    "final_layer.linear.bias",
    "final_layer.adaLN_modulation.1.weight",
    "final_layer.adaLN_modulation.1.bias",
};

constexpr std::string_view kStacks[] = {"layers", "noise_refiner", "context_refiner"};

constexpr std::string_view kBlock[] = {
    "attention.qkv.weight",   "attention.out.weight",   "attention.q_norm.weight", "attention.k_norm.weight",
    "feed_forward.w1.weight", "feed_forward.w2.weight", "feed_forward.w3.weight",  "attention_norm1.weight",
    "attention_norm2.weight", "ffn_norm1.weight",       "ffn_norm2.weight",
};

constexpr std::string_view kModulation[] = {"adaLN_modulation.1.weight", "adaLN_modulation.1.bias"};

// "{stack}.{number}.{suffix}"
bool is_block_key(std::string_view key) {
  const std::vector<std::string_view> parts = split_key(key);
  if (parts.size() < 3 || !is_one_of(parts[0], kStacks) || !parse_index(parts[1])) return false;
  const std::string_view suffix = key.substr(parts[0].size() + 1 + parts[1].size() + 1);
  return is_one_of(suffix, kBlock) || (parts[0] != "context_refiner" && is_one_of(suffix, kModulation));
}

}  // namespace

NameMap next_dit_names(std::span<const std::string> keys, std::string_view where) {
  const auto prefix = find_prefix(keys, kPrefixes, "x_embedder.weight");
  if (!prefix)
    fail_with_hint(ErrorKind::BadFile, "is this another part of the model?",
                   "{}: expected a NextDiT checkpoint with x_embedder.weight, got {} other keys", where, keys.size());
  for (const std::string_view other : {"layers.0.attn.to_q.weight", "layers.0.attention.to_q.weight"})
    if (contains_key(keys, *prefix, other))
      fail_with_hint(ErrorKind::Unsupported, "use the official checkpoint, or a ComfyUI single file of it",
                     "{}: expected native NextDiT keys (layers.0.attention.qkv.weight), got {}", where, other);
  if (!contains_key(keys, *prefix, "clip_text_pooled_proj.1.weight"))
    fail(ErrorKind::Unsupported,
         "{}: expected clip_text_pooled_proj.1.weight, got none: a plain Lumina-2 checkpoint, which is another family",
         where);

  NameMap map;
  for (const std::string& key : keys) {
    const auto name = strip_prefix(key, *prefix);
    if (name && (is_one_of(*name, kGlobal) || is_block_key(*name)))
      map.names.push_back({std::string(*name), key});
    else if (name == "norm_final.weight")
      map.ignored.push_back(key);
    else
      map.unknown.push_back(key);
  }
  require_unique(map, where);
  return map;
}

}  // namespace newbie
