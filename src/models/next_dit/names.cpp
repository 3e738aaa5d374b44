#include "models/next_dit/names.h"

#include <array>
#include <map>

#include "core/error.h"
#include "core/printable.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kDenoiserPrefixes[] = {"", "model.diffusion_model.", "diffusion_model.", "transformer.",
                                                  "module."};

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

struct Rename {
  std::string_view from, to;  // beginnings of names
};

// diffusers' words, and those of Z-Image's diffusers form (spec/checkpoints.md §6).
constexpr Rename kGlobalRenames[] = {
    {"time_caption_embed.timestep_embedder.linear_1.", "t_embedder.mlp.0."},
    {"time_caption_embed.timestep_embedder.linear_2.", "t_embedder.mlp.2."},
    {"time_caption_embed.caption_embedder.", "cap_embedder."},
    {"norm_out.linear_1.", "final_layer.adaLN_modulation.1."},
    {"norm_out.linear_2.", "final_layer.linear."},
};
constexpr Rename kBlockRenames[] = {
    {"attn.to_out.0.", "attention.out."},
    {"attention.to_out.0.", "attention.out."},
    {"attn.norm_q.", "attention.q_norm."},
    {"attention.norm_q.", "attention.q_norm."},
    {"attn.norm_k.", "attention.k_norm."},
    {"attention.norm_k.", "attention.k_norm."},
    {"feed_forward.linear_1.", "feed_forward.w1."},
    {"feed_forward.linear_2.", "feed_forward.w2."},
    {"feed_forward.linear_3.", "feed_forward.w3."},
    {"norm1.linear.", "adaLN_modulation.1."},
    {"norm1.norm.", "attention_norm1."},
    {"norm1.", "attention_norm1."},
    {"norm2.", "attention_norm2."},
};
// The pieces of attention.qkv.weight, in the order of its rows.
constexpr std::array<std::array<std::string_view, 2>, 3> kQkvPieces{{
    {"attn.to_q.weight", "attention.to_q.weight"},
    {"attn.to_k.weight", "attention.to_k.weight"},
    {"attn.to_v.weight", "attention.to_v.weight"},
}};

std::string renamed(std::string_view name, std::span<const Rename> table) {
  for (const Rename& row : table)
    if (name.starts_with(row.from)) return std::string(row.to) + std::string(name.substr(row.from.size()));
  return std::string(name);
}

// A name in any of the namings as a native one; `piece` says which third of it when it is one.
struct NativeName {
  std::string name;
  std::optional<size_t> piece;
};

NativeName native_name(std::string_view name) {
  const std::vector<std::string_view> parts = split_key(name);
  if (parts.size() < 3 || !is_one_of(parts[0], kStacks)) return {renamed(name, kGlobalRenames), std::nullopt};
  const size_t at = parts[0].size() + 1 + parts[1].size() + 1;
  const std::string block(name.substr(0, at));
  for (size_t piece = 0; piece < kQkvPieces.size(); ++piece)
    if (is_one_of(name.substr(at), kQkvPieces[piece])) return {block + "attention.qkv.weight", piece};
  return {block + renamed(name.substr(at), kBlockRenames), std::nullopt};
}

// "{stack}.{number}.{suffix}"
bool is_block_key(std::string_view key) {
  const std::vector<std::string_view> parts = split_key(key);
  if (parts.size() < 3 || !is_one_of(parts[0], kStacks) || !parse_index(parts[1])) return false;
  const std::string_view suffix = key.substr(parts[0].size() + 1 + parts[1].size() + 1);
  return is_one_of(suffix, kBlock) || (parts[0] != "context_refiner" && is_one_of(suffix, kModulation));
}

void add_renamed(std::vector<NextDitName>& out, std::string_view block, std::string_view name,
                 std::span<const Rename> table) {
  for (const Rename& row : table)
    if (name.starts_with(row.to))
      out.push_back({std::string(block) + std::string(row.from) + std::string(name.substr(row.to.size())), {}});
}

}  // namespace

std::vector<NextDitName> next_dit_other_names(std::string_view native) {
  std::vector<NextDitName> out;
  const std::vector<std::string_view> parts = split_key(native);
  if (parts.size() < 3 || !is_one_of(parts[0], kStacks)) {
    add_renamed(out, "", native, kGlobalRenames);
    return out;
  }
  const size_t at = parts[0].size() + 1 + parts[1].size() + 1;
  const std::string block(native.substr(0, at));
  if (native.substr(at) == "attention.qkv.weight") {
    for (size_t naming = 0; naming < kQkvPieces[0].size(); ++naming)
      for (size_t third = 0; third < kQkvPieces.size(); ++third)
        out.push_back({block + std::string(kQkvPieces[third][naming]), third});
  } else {
    add_renamed(out, block, native.substr(at), kBlockRenames);
  }
  return out;
}

NameMap next_dit_names(std::span<const std::string> keys, std::string_view where) {
  const auto prefix = find_prefix(keys, kDenoiserPrefixes, "x_embedder.weight");
  if (!prefix)
    fail_with_hint(ErrorKind::BadFile, "is this another part of the model?",
                   "{}: expected a NextDiT checkpoint with x_embedder.weight, got {} other keys", where, keys.size());
  if (!contains_key(keys, *prefix, "clip_text_pooled_proj.1.weight"))
    fail(ErrorKind::Unsupported,
         "{}: expected clip_text_pooled_proj.1.weight, got none: a plain Lumina-2 checkpoint, which is another family",
         where);

  NameMap map;
  std::map<std::string, std::array<const std::string*, kQkvPieces.size()>> pieces;
  for (const std::string& key : keys) {
    const auto name = strip_prefix(key, *prefix);
    const NativeName native = name ? native_name(*name) : NativeName{};
    if (name == "norm_final.weight") {
      map.ignored.push_back(key);
    } else if (!is_one_of(native.name, kGlobal) && !is_block_key(native.name)) {
      map.unknown.push_back(key);
    } else if (native.piece) {
      const std::string*& slot = pieces[native.name][*native.piece];
      if (slot != nullptr)
        fail(ErrorKind::BadFile, "{}: expected one key for a third of {}, got {} and {}", where, native.name,
             in_quotes(*slot), in_quotes(key));
      slot = &key;
    } else {
      map.names.push_back({native.name, key});
    }
  }
  for (const auto& [name, thirds] : pieces) {
    JoinedName joined{.canonical = name, .file_keys = {}};
    for (const std::string* key : thirds) {
      if (key == nullptr) fail(ErrorKind::BadFile, "{}: expected to_q, to_k and to_v of {}, got fewer", where, name);
      joined.file_keys.push_back(*key);
    }
    map.joined.push_back(std::move(joined));
  }
  require_unique(map, where);
  return map;
}

}  // namespace newbie
