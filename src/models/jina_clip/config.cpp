#include "models/jina_clip/config.h"

#include <algorithm>

namespace newbie {

namespace {
constexpr const char* kTextNames = "text_model.transformer.roberta.";
constexpr const char* kVisionNames = "vision_model.";

Json section(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) ? json.at(key) : Json();
}
}  // namespace

double jina_adapter_scale(const Json& config, const std::string& where) {
  const Json json = section(section(config, "text_config"), "hf_model_config_kwargs");
  const double rank = config_number(json, "lora_rank", 4, 1, 1e6, where);
  return config_number(json, "lora_alpha", rank, 0, 1e6, where) / rank;
}

JinaTextConfig jina_text_config(const ConfigSource& source) {
  const std::string p = kTextNames;
  const Json json = section(section(source.json, "text_config"), "hf_model_config_kwargs");
  JinaTextConfig c;
  const Shape words = source.require(p + "embeddings.word_embeddings.weight", 2);
  c.vocabulary = words[0];
  c.width = words[1];
  c.layers = source.count(p + "encoder.layers.", ".mixer.Wqkv.weight");
  if (c.layers < 1) fail(ErrorKind::BadFile, "{}: no encoder layers found", source.where);
  c.ffn = source.require(p + "encoder.layers.0.mlp.fc1.weight", 2)[0];
  // Nothing in the shapes tells the number of heads: XLM-R large has 16 of 64.
  c.heads = static_cast<int64_t>(config_number(
      json, "num_attention_heads", static_cast<double>(std::max<int64_t>(1, c.width / 64)), 1, 1024, source.where));
  if (c.width % c.heads != 0 || (c.width / c.heads) % 2 != 0)
    fail(ErrorKind::BadFile, "{}: width {} does not divide into {} heads", source.where, c.width, c.heads);
  c.rope_base = config_number(json, "rotary_emb_base", c.rope_base, 1, 1e12, source.where);
  c.norm_eps = config_number(json, "layer_norm_eps", c.norm_eps, 0, 1, source.where);
  return c;
}

JinaVisionConfig jina_vision_config(const ConfigSource& source) {
  const std::string p = kVisionNames;
  const Json json = section(source.json, "vision_config");
  JinaVisionConfig c;
  const Shape patches = source.require(p + "patch_embed.proj.weight", 4);
  const Shape positions = source.require(p + "pos_embed", 3);
  c.width = patches[0];
  c.patch = patches[2];
  c.layers = source.count(p + "blocks.", ".attn.q_proj.weight");
  if (c.layers < 1) fail(ErrorKind::BadFile, "{}: no vision blocks found", source.where);
  c.ffn = source.require(p + "blocks.0.mlp.w1.weight", 2)[0];
  c.image_size = static_cast<int64_t>(config_number(json, "image_size", 512, 1, 65536, source.where));
  const double head_width = config_number(json, "head_width", 64, 4, 4096, source.where);
  c.heads = c.width / static_cast<int64_t>(head_width);
  c.base_grid = static_cast<int64_t>(config_number(json, "pt_hw_seq_len", 16, 1, 4096, source.where));
  const int64_t grid = c.image_size / c.patch;
  if (positions[1] != grid * grid + 1)
    fail(ErrorKind::BadFile, "{}: pos_embed {} does not fit image size {} and patch {}", source.where, positions.str(),
         c.image_size, c.patch);
  if (c.heads < 1 || c.width % c.heads != 0 || (c.width / c.heads) % 4 != 0)
    fail(ErrorKind::BadFile, "{}: width {} does not divide into heads of {}", source.where, c.width, head_width);
  return c;
}

}  // namespace newbie
