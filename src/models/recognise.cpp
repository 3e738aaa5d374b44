#include "models/recognise.h"

#include <algorithm>

#include "models/adapter_key.h"

namespace newbie {

namespace {

// A factor of an adapter; a lone `alpha` is also a parameter of other models.
bool is_adapter_factor(std::string_view key) {
  const auto parsed = parse_adapter_key(key);
  return parsed && parsed->role != AdapterRole::Alpha && parsed->role != AdapterRole::Unread;
}

}  // namespace

std::string_view to_string(FileKind kind) {
  switch (kind) {
    case FileKind::Transformer: return "NewBie-image's transformer (NextDiT)";
    case FileKind::TextEncoder: return "the text encoder Gemma 3";
    case FileKind::ClipModel: return "the text encoder Jina CLIP v2";
    case FileKind::Vae: return "an autoencoder like FLUX.1's";
    case FileKind::Adapter: return "an adapter (LoRA or LoKr)";
    case FileKind::Foreign: return "another model";
    case FileKind::Unknown: return "nothing known";
  }
  return "nothing known";
}

bool holds(const HeaderShapes& header, FileKind part) {
  const auto has = [&](std::string_view ending) { return find_by_ending(header, ending) != nullptr; };
  switch (part) {
    case FileKind::Transformer: return has("x_embedder.weight") && has("clip_text_pooled_proj.1.weight");
    case FileKind::TextEncoder:
      return (has("layers.0.post_feedforward_layernorm.weight") && has("layers.0.self_attn.q_norm.weight")) ||
             (has("blk.0.post_ffw_norm.weight") && has("blk.0.attn_q_norm.weight"));
    case FileKind::ClipModel:
      return has("embeddings.word_embeddings.weight") ||
             has("embeddings.word_embeddings.parametrizations.weight.original");
    case FileKind::Vae: return has("decoder.conv_in.weight");
    default: return false;
  }
}

const HeaderShapes::value_type* find_token_table(const HeaderShapes& header) {
  const auto* table = find_by_ending(header, "embed_tokens.weight");
  return table != nullptr ? table : find_by_ending(header, "token_embd.weight");
}

Recognised recognise(const HeaderShapes& header, const std::map<std::string, std::string>& texts) {
  if (std::any_of(header.begin(), header.end(), [](const auto& entry) { return is_adapter_factor(entry.first); }))
    return {FileKind::Adapter, std::string(to_string(FileKind::Adapter))};
  if (const auto foreign = find_foreign_model(header)) return {FileKind::Foreign, std::string(*foreign)};
  if (auto foreign = find_foreign_gguf_type(texts)) return {FileKind::Foreign, std::move(*foreign)};
  // Nothing else has the transformer's names; converters give it whatever architecture they know. The other parts'
  // names are those of whole families.
  if (!holds(header, FileKind::Transformer))
    if (auto foreign = find_foreign_gguf_architecture(texts)) return {FileKind::Foreign, std::move(*foreign)};
  for (const FileKind part : {FileKind::Transformer, FileKind::TextEncoder, FileKind::ClipModel, FileKind::Vae}) {
    if (!holds(header, part)) continue;
    Recognised found{part, std::string(to_string(part))};
    const auto* table = part == FileKind::TextEncoder ? find_token_table(header) : nullptr;
    if (table != nullptr && table->second.size() == 2)
      if (const auto name = gemma3_size_name(table->second[1])) found.words = "the text encoder " + std::string(*name);
    return found;
  }
  return {};
}

}  // namespace newbie
