#include "models/foreign_models.h"

#include <fmt/format.h>

#include "core/printable.h"
#include "models/key_text.h"

namespace newbie {

namespace {

struct Marker {
  std::string_view key;  // or the end of one, after a dot
  int axis;              // whose extent must be `extent`; -1: any shape
  int64_t extent;
  std::string_view must_lack;  // another key that rules the row out; empty: none
  std::string_view model;
};

// The first row that fits is right: what a bundle is made of comes before what it contains.
constexpr Marker kMarkers[] = {
    {"single_transformer_blocks.0.attn.to_k.weight", -1, 0, "", "FLUX.1 (diffusers naming)"},
    {"double_blocks.0.img_attn.qkv.weight", -1, 0, "", "FLUX"},
    {"joint_blocks.0.context_block.attn.qkv.weight", -1, 0, "", "Stable Diffusion 3"},
    {"label_emb.0.0.weight", -1, 0, "", "Stable Diffusion XL"},
    {"add_embedding.linear_1.weight", -1, 0, "", "Stable Diffusion XL (diffusers naming)"},
    {"input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1, 768, "", "Stable Diffusion 1.x"},
    {"input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1, 1024, "", "Stable Diffusion 2.x"},
    {"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight", 1, 768, "",
     "Stable Diffusion 1.x (diffusers naming)"},
    {"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight", 1, 1024, "",
     "Stable Diffusion 2.x (diffusers naming)"},
    {"cap_embedder.1.weight", 0, 3840, "clip_text_pooled_proj.1.weight", "Z-Image"},
    {"cap_embedder.1.weight", -1, 0, "clip_text_pooled_proj.1.weight", "Lumina-Image 2.0 (no pooled text)"},
    {"time_caption_embed.caption_embedder.1.weight", -1, 0, "clip_text_pooled_proj.1.weight",
     "Lumina-Image 2.0 (no pooled text, diffusers naming)"},
    {"layers.0.post_feedforward_layernorm.weight", -1, 0, "layers.0.self_attn.q_norm.weight", "Gemma 2"},
    {"blk.0.post_ffw_norm.weight", -1, 0, "blk.0.attn_q_norm.weight", "Gemma 2"},
    {"blk.0.attn_q.weight", -1, 0, "blk.0.post_ffw_norm.weight", "a language model like Llama or Qwen"},
    {"encoder.block.0.layer.0.SelfAttention.q.weight", -1, 0, "", "the text encoder T5"},
    {"text_model.encoder.layers.0.self_attn.k_proj.weight", -1, 0, "", "the text encoder of OpenAI's CLIP"},
    {"transformer.resblocks.0.attn.in_proj_weight", -1, 0, "", "the text encoder of OpenCLIP"},
    {"model.layers.0.self_attn.q_proj.weight", -1, 0, "layers.0.post_feedforward_layernorm.weight",
     "a language model like Llama or Qwen"},
    {"decoder.middle.0.residual.0.gamma", -1, 0, "", "the autoencoder of Wan or Qwen-Image"},
    {"decoder.conv_in.weight", 1, 4, "", "the autoencoder of Stable Diffusion 1.x, 2.x or XL (4 latent channels)"},
    {"decoder.conv_in.weight", 1, 32, "", "the autoencoder of FLUX.2 (32 latent channels)"},
};

// Architectures that files of this family carry, whoever wrote them (spec/gguf.md §§3, 4).
constexpr std::string_view kOurArchitectures[] = {"lumina2", "newbie",         "pig", "cow", "cat",
                                                  "gemma3",  "gemma-embedding"};

struct Architecture {
  std::string_view word, model;
};
constexpr Architecture kArchitectures[] = {{"flux", "FLUX"},
                                           {"sd1", "Stable Diffusion 1.x"},
                                           {"sdxl", "Stable Diffusion XL"},
                                           {"sd3", "Stable Diffusion 3"},
                                           {"t5", "the text encoder T5"},
                                           {"t5encoder", "the text encoder T5"},
                                           {"gemma", "Gemma 1"},
                                           {"gemma2", "Gemma 2"},
                                           {"gemma3n", "Gemma 3n"},
                                           {"llama", "a language model like Llama"},
                                           {"qwen2", "the language model Qwen 2"},
                                           {"qwen3", "the language model Qwen 3"},
                                           {"wan", "Wan"}};

std::string_view text_of(const std::map<std::string, std::string>& texts, const std::string& key) {
  const auto found = texts.find(key);
  return found == texts.end() ? std::string_view() : found->second;
}

struct GemmaSize {
  int64_t width;
  std::string_view name;
};
constexpr GemmaSize kGemma3Sizes[] = {
    {640, "Gemma 3 270M"}, {1152, "Gemma 3 1B"}, {2560, "Gemma 3 4B"}, {3840, "Gemma 3 12B"}, {5376, "Gemma 3 27B"}};

bool fits(const HeaderShapes& header, const Marker& marker) {
  const auto* found = find_by_ending(header, marker.key);
  if (found == nullptr) return false;
  if (marker.axis >= 0) {
    const auto axis = static_cast<size_t>(marker.axis);
    if (axis >= found->second.size() || found->second[axis] != marker.extent) return false;
  }
  return marker.must_lack.empty() || find_by_ending(header, marker.must_lack) == nullptr;
}

}  // namespace

const HeaderShapes::value_type* find_by_ending(const HeaderShapes& header, std::string_view name) {
  for (const auto& entry : header) {
    const std::string_view key = entry.first;
    if (key.ends_with(name) && (key.size() == name.size() || key[key.size() - name.size() - 1] == '.')) return &entry;
  }
  return nullptr;
}

std::optional<std::string_view> find_foreign_model(const HeaderShapes& header) {
  for (const Marker& marker : kMarkers)
    if (fits(header, marker)) return marker.model;
  return std::nullopt;
}

std::optional<std::string> find_foreign_gguf_type(const std::map<std::string, std::string>& texts) {
  const std::string_view type = text_of(texts, "general.type"), architecture = text_of(texts, "general.architecture");
  if (type == "mmproj" || architecture == "clip") return "the vision part of a language model (mmproj)";
  if (type == "adapter") return "an adapter of llama.cpp's (LoRA in GGUF)";
  if (!type.empty() && type != "model") return fmt::format("GGUF of type {}", in_quotes(type));
  return std::nullopt;
}

std::optional<std::string> find_foreign_gguf_architecture(const std::map<std::string, std::string>& texts) {
  const std::string_view architecture = text_of(texts, "general.architecture");
  for (const Architecture& row : kArchitectures)
    if (row.word == architecture) return std::string(row.model);
  if (architecture.empty() || is_one_of(architecture, kOurArchitectures)) return std::nullopt;
  return fmt::format("a model of architecture {}", in_quotes(architecture));
}

std::optional<std::string_view> gemma3_size_name(int64_t width) {
  for (const GemmaSize& size : kGemma3Sizes)
    if (size.width == width) return size.name;
  return std::nullopt;
}

}  // namespace newbie
