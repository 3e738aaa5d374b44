#include "models/adapter_key.h"

#include <algorithm>

namespace newbie {

namespace {

using Role = AdapterRole;

// A factor's name; behind it may stand PEFT's name of the adapter and `.weight`.
struct FactorName {
  std::string_view text;  // with its separator
  Role role;
};

constexpr FactorName kFactors[] = {
    {".lora_A.scale_weight", Role::Unread},
    {".lora_B.scale_weight", Role::Unread},
    {".lora_down.scale_weight", Role::Unread},
    {".lora_up.scale_weight", Role::Unread},
    {".lora_A", Role::Down},
    {".lora_B", Role::Up},
    {".lora_down", Role::Down},
    {".lora_up", Role::Up},
    {".lora.down", Role::Down},
    {".lora.up", Role::Up},
    {"_lora.down", Role::Down},
    {"_lora.up", Role::Up},
    {".lora_linear_layer.down", Role::Down},
    {".lora_linear_layer.up", Role::Up},
    {".lora_mid", Role::Middle},
    {".lora_magnitude_vector", Role::Magnitude},
    {".dora_scale", Role::Magnitude},
    {".alpha", Role::Alpha},
    {".lora_alpha", Role::Alpha},
    {".network_alpha", Role::Alpha},
    {".lokr_w1", Role::Kronecker1},
    {".lokr_w1_a", Role::Kronecker1A},
    {".lokr_w1_b", Role::Kronecker1B},
    {".lokr_w2", Role::Kronecker2},
    {".lokr_w2_a", Role::Kronecker2A},
    {".lokr_w2_b", Role::Kronecker2B},
    {".hada_w1_a", Role::Hadamard1A},
    {".hada_w1_b", Role::Hadamard1B},
    {".hada_w2_a", Role::Hadamard2A},
    {".hada_w2_b", Role::Hadamard2B},
    {".diff", Role::Difference},
    {".w_norm", Role::Difference},
    {".diff_b", Role::BiasDifference},
    {".b_norm", Role::BiasDifference},
    {".set_weight", Role::NewWeight},
    {".set_bias", Role::NewBias},
    {".lokr_t2", Role::Unread},
    {".hada_t1", Role::Unread},
    {".hada_t2", Role::Unread},
    {".oft_diag", Role::Unread},
    {".oft_blocks", Role::Unread},
    {".oft_r", Role::Unread},
    {".oft_R", Role::Unread},
    {".rescale", Role::Unread},
    {".a1", Role::Unread},
    {".a2", Role::Unread},
    {".b1", Role::Unread},
    {".b2", Role::Unread},
    {".ia3_l", Role::Unread},
    {".vera_lambda_b", Role::Unread},
    {".vera_lambda_d", Role::Unread},
    {".lora_embedding_A", Role::Unread},
    {".lora_embedding_B", Role::Unread},
    {".reshape_weight", Role::Unread},
    {".lora_E", Role::Unread},
    {".lora_ranknum", Role::Unread},
    {".on_input", Role::Unread},
    {".fourierft_spectrum", Role::Unread},
    {".hra_u", Role::Unread},
    {".bone_block", Role::Unread},
};

constexpr std::string_view kWeight = ".weight", kBias = ".bias", kPeft = "base_model.model.";

constexpr AdapterPrefix kAdapterPrefixes[] = {
    {"unet.base_model.model.", "PEFT below unet (unet.base_model.model.…)", AdapterPrefix::Of::Transformer},
    {"model.diffusion_model.", "checkpoints (model.diffusion_model.…)", AdapterPrefix::Of::Transformer},
    {"base_model.model.", "PEFT (base_model.model.…)"},
    {"diffusion_model.", "ComfyUI (diffusion_model.…)", AdapterPrefix::Of::Transformer},
    {"diffusion_model_", "ComfyUI (diffusion_model.…)", AdapterPrefix::Of::Transformer},
    {"transformer.", "diffusers (transformer.…)"},
    {"transformer_", "diffusers (transformer.…)"},
    {"text_encoder_2.", "diffusers (text_encoder_2.…)", AdapterPrefix::Of::Clip},
    {"text_encoders.", "ComfyUI (text_encoders.…)", AdapterPrefix::Of::TextEncoder},
    {"text_encoder.", "diffusers (text_encoder.…)", AdapterPrefix::Of::TextEncoder},
    {"lora_transformer_", "kohya (lora_transformer_…)", AdapterPrefix::Of::Transformer},
    {"lora_unet_", "kohya (lora_unet_…)", AdapterPrefix::Of::Transformer},
    {"lora_te1_", "kohya (lora_te1_…)", AdapterPrefix::Of::TextEncoder},
    {"lora_te2_", "kohya (lora_te2_…)", AdapterPrefix::Of::Clip},
    {"lora_te_", "kohya (lora_te_…)", AdapterPrefix::Of::TextEncoder},
    {"lycoris_", "LyCORIS (lycoris_…)"},
    {"language_model.", "multimodal checkpoints (language_model.…)", AdapterPrefix::Of::TextEncoder},
    {"language_model_", "multimodal checkpoints (language_model.…)", AdapterPrefix::Of::TextEncoder},
    {"gemma3_4b.", "ComfyUI (text_encoders.…)", AdapterPrefix::Of::TextEncoder},
    {"clip_model.", "the folder's words (clip_model.…)", AdapterPrefix::Of::Clip},
    {"_orig_mod.", "compiled modules (_orig_mod.…)"},
    {"module.", "wrapped modules (module.…)"},
    {"model.", "checkpoints (model.…)"},
    {"model_", "checkpoints (model.…)"},
    {"unet.", "diffusers (unet.…)", AdapterPrefix::Of::Transformer},
};

bool is_one_word(std::string_view text) { return !text.empty() && text.find('.') == std::string_view::npos; }

// What follows a factor's name: nothing, ".weight", ".default", ".default.weight"; `bias` ends in ".bias" instead.
struct Tail {
  bool fits = false, bias = false;
  std::string_view adapter;
};

Tail parse_tail(std::string_view rest) {
  if (rest.empty()) return {true, false, {}};
  if (rest.front() != '.') return {};
  const bool bias = rest.ends_with(kBias), weight = rest.ends_with(kWeight);
  if (bias) rest.remove_suffix(kBias.size());
  if (weight) rest.remove_suffix(kWeight.size());
  if (rest.empty()) return {true, bias, {}};
  rest.remove_prefix(1);
  return {is_one_word(rest), bias, rest};
}

}  // namespace

std::span<const AdapterPrefix> adapter_prefixes() { return kAdapterPrefixes; }

std::optional<AdapterKey> parse_adapter_key(std::string_view key) {
  if (key.find(".parametrizations.") != std::string_view::npos) return std::nullopt;  // Jina CLIP's own
  for (const FactorName& factor : kFactors) {
    const size_t at = key.rfind(factor.text);
    if (at == std::string_view::npos || at == 0) continue;
    const Tail tail = parse_tail(key.substr(at + factor.text.size()));
    if (!tail.fits || (tail.bias && factor.role != Role::Up)) continue;
    return AdapterKey{key.substr(0, at), tail.bias ? Role::UpBias : factor.role, factor.text.substr(1), tail.adapter};
  }
  if (!key.starts_with(kPeft)) return std::nullopt;
  for (const auto& [ending, role] : {std::pair{kWeight, Role::NewWeight}, std::pair{kBias, Role::NewBias}})
    if (key.ends_with(ending)) return AdapterKey{key.substr(0, key.size() - ending.size()), role, ending.substr(1), {}};
  return std::nullopt;
}

}  // namespace newbie
