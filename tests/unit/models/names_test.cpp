// The name maps on made-up key lists: every layout of spec/checkpoints.md we read, and what is refused.
#include "models/flux_vae/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "models/gemma3/names.h"
#include "models/jina_clip/names.h"
#include "models/key_text.h"
#include "models/next_dit/names.h"
#include "unit/core/expect_error.h"

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Keys = std::vector<std::string>;

std::string canonical_of(const NameMap& map, std::string_view key) {
  for (const MappedName& name : map.names)
    if (name.file_key == key) return name.canonical;
  return "";
}

Keys with_prefix(std::string_view prefix, Keys keys) {
  for (std::string& key : keys) key.insert(0, prefix);
  return keys;
}

TEST(KeyText, ReadsLayerNumbers) {
  EXPECT_EQ(parse_index("0"), 0);
  EXPECT_EQ(parse_index("35"), 35);
  EXPECT_EQ(parse_index("9999"), 9999);
  for (const char* text : {"", "01", "-1", "+1", "1a", " 1", "10000", "99999999999999999999"})
    EXPECT_EQ(parse_index(text), std::nullopt) << text;
  EXPECT_THAT(split_key("a.b..c"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(split_key(""), ElementsAre(""));
}

const Keys kDit = {"x_embedder.weight",
                   "cap_embedder.1.bias",
                   "clip_text_pooled_proj.1.weight",
                   "layers.0.attention.qkv.weight",
                   "layers.35.adaLN_modulation.1.bias",
                   "noise_refiner.1.adaLN_modulation.1.weight",
                   "context_refiner.0.ffn_norm2.weight"};

TEST(NextDitNames, StripsEveryPrefix) {
  for (const char* prefix : {"", "model.diffusion_model.", "diffusion_model.", "transformer.", "module."}) {
    Keys keys = with_prefix(prefix, kDit);
    keys.push_back(std::string(prefix) + "norm_final.weight");
    const NameMap map = next_dit_names(keys, "x");
    ASSERT_EQ(map.names.size(), kDit.size()) << prefix;
    for (size_t i = 0; i < kDit.size(); ++i) {
      EXPECT_EQ(map.names[i].canonical, kDit[i]);
      EXPECT_EQ(map.names[i].file_key, keys[i]);
      EXPECT_FALSE(map.names[i].as_matrix);
    }
    EXPECT_THAT(map.ignored, ElementsAre(keys.back()));
    EXPECT_THAT(map.unknown, IsEmpty());
  }
}

TEST(NextDitNames, TellsWhatItDoesNotKnow) {
  Keys keys = kDit;
  const Keys strange = {"context_refiner.0.adaLN_modulation.1.weight",
                        "layers.x.attention.qkv.weight",
                        "layers.01.attention.qkv.weight",
                        "layers.0",
                        "layers.0.attention.qkv.weight_scale",
                        "vae.decoder.conv_in.weight",
                        ""};
  keys.insert(keys.end(), strange.begin(), strange.end());
  EXPECT_EQ(next_dit_names(keys, "x").unknown, strange);
}

TEST(NextDitNames, RefusesOtherModels) {
  EXPECT_ERROR(next_dit_names(Keys{}, "f"), ErrorKind::BadFile, "f: expected a NextDiT checkpoint");
  EXPECT_ERROR(next_dit_names(Keys{"decoder.conv_in.weight"}, "f"), ErrorKind::BadFile, "got 1 other keys");
  EXPECT_ERROR(next_dit_names(Keys{"x_embedder.weight"}, "f"), ErrorKind::Unsupported, "plain Lumina-2");
}

TEST(NextDitNames, ReadsDiffusersAndZImageNamings) {
  for (const std::string attention : {"attn", "attention"}) {
    const Keys keys = {"clip_text_pooled_proj.1.weight",
                       "layers.0." + attention + ".norm_q.weight",
                       "layers.0." + attention + ".to_k.weight",
                       "layers.0." + attention + ".to_out.0.weight",
                       "layers.0." + attention + ".to_q.weight",
                       "layers.0." + attention + ".to_v.weight",
                       "x_embedder.weight"};
    const NameMap map = next_dit_names(keys, "x");
    EXPECT_THAT(map.unknown, IsEmpty());
    ASSERT_EQ(map.joined.size(), 1u);
    EXPECT_EQ(map.joined[0].canonical, "layers.0.attention.qkv.weight");
    EXPECT_THAT(map.joined[0].file_keys, ElementsAre(keys[4], keys[2], keys[5]));
    EXPECT_EQ(canonical_of(map, keys[1]), "layers.0.attention.q_norm.weight");
    EXPECT_EQ(canonical_of(map, keys[3]), "layers.0.attention.out.weight");
    Keys fewer = keys;
    fewer.erase(fewer.begin() + 2);
    EXPECT_ERROR(next_dit_names(fewer, "f"), ErrorKind::BadFile,
                 "to_q, to_k and to_v of layers.0.attention.qkv.weight");
    Keys both = keys;
    both.push_back("layers.0.attention.qkv.weight");
    EXPECT_ERROR(next_dit_names(both, "f"), ErrorKind::BadFile, "expected one key for layers.0.attention.qkv.weight");
  }
  const std::pair<const char*, const char*> renames[] = {
      {"time_caption_embed.timestep_embedder.linear_1.bias", "t_embedder.mlp.0.bias"},
      {"time_caption_embed.timestep_embedder.linear_2.weight", "t_embedder.mlp.2.weight"},
      {"time_caption_embed.caption_embedder.0.weight", "cap_embedder.0.weight"},
      {"norm_out.linear_1.weight", "final_layer.adaLN_modulation.1.weight"},
      {"norm_out.linear_2.bias", "final_layer.linear.bias"},
      {"layers.1.feed_forward.linear_3.weight", "layers.1.feed_forward.w3.weight"},
      {"noise_refiner.0.norm1.linear.bias", "noise_refiner.0.adaLN_modulation.1.bias"},
      {"noise_refiner.0.norm1.norm.weight", "noise_refiner.0.attention_norm1.weight"},
      {"context_refiner.0.norm1.weight", "context_refiner.0.attention_norm1.weight"},
      {"context_refiner.0.norm2.weight", "context_refiner.0.attention_norm2.weight"}};
  for (const auto& [from, to] : renames)
    EXPECT_EQ(
        canonical_of(next_dit_names(Keys{from, "clip_text_pooled_proj.1.weight", "x_embedder.weight"}, "x"), from), to);
}

const Keys kGemma = {"embed_tokens.weight", "norm.weight", "layers.0.post_feedforward_layernorm.weight",
                     "layers.0.self_attn.q_norm.weight", "layers.33.mlp.down_proj.weight"};

// A norm that is not shifted, or shifted twice, draws mud: nothing else tells.
TEST(Gemma3Names, LlamaCppsNormsAreStoredAsOneMore) {
  const Keys keys = {"blk.0.attn_norm.weight",
                     "blk.0.attn_output.weight",
                     "blk.0.attn_q_norm.weight",
                     "blk.0.ffn_norm.weight",
                     "blk.0.post_attention_norm.weight",
                     "blk.0.post_ffw_norm.weight",
                     "blk.33.ffn_down.weight",
                     "output.weight",
                     "output_norm.weight",
                     "surprise.weight",
                     "token_embd.weight"};
  const NameMap map = gemma3_names(keys, "f");
  const auto of = [&](const std::string& key) {
    for (const MappedName& name : map.names)
      if (name.file_key == key) return name;
    return MappedName{};
  };
  const std::pair<const char*, const char*> names[] = {
      {"blk.0.attn_norm.weight", "layers.0.input_layernorm.weight"},
      {"blk.0.attn_output.weight", "layers.0.self_attn.o_proj.weight"},
      {"blk.0.attn_q_norm.weight", "layers.0.self_attn.q_norm.weight"},
      {"blk.0.ffn_norm.weight", "layers.0.pre_feedforward_layernorm.weight"},
      {"blk.0.post_attention_norm.weight", "layers.0.post_attention_layernorm.weight"},
      {"blk.0.post_ffw_norm.weight", "layers.0.post_feedforward_layernorm.weight"},
      {"blk.33.ffn_down.weight", "layers.33.mlp.down_proj.weight"},
      {"output_norm.weight", "norm.weight"},
      {"token_embd.weight", "embed_tokens.weight"}};
  for (const auto& [key, canonical] : names) {
    EXPECT_EQ(of(key).canonical, canonical);
    EXPECT_EQ(of(key).minus_one, std::string_view(key).find("norm") != std::string_view::npos) << key;
    EXPECT_EQ(llama_gemma_name(canonical), key);
  }
  EXPECT_THAT(map.ignored, ElementsAre("output.weight"));
  EXPECT_THAT(map.unknown, ElementsAre("surprise.weight"));
  for (const MappedName& name : gemma3_names(kGemma, "f").names) EXPECT_FALSE(name.minus_one) << name.file_key;
}

TEST(Gemma3Names, FindsThePrefixByTheEmbedding) {
  const struct {
    const char* prefix;
    Keys others;
  } layouts[] = {
      {"", {}},
      {"model.", {"spiece_model", "lm_head.weight", "vision_model.embeddings.weight"}},
      {"language_model.", {"vision_tower.vision_model.post_layernorm.weight", "multi_modal_projector.x.weight"}},
      {"language_model.model.",
       {"vision_tower.vision_model.embeddings.embed_tokens.weight", "language_model.lm_head.weight"}},
      {"model.language_model.", {"model.vision_tower.x.weight", "model.multi_modal_projector.y", "lm_head.weight"}},
  };
  for (const auto& layout : layouts) {
    Keys keys = with_prefix(layout.prefix, kGemma);
    keys.insert(keys.begin(), layout.others.begin(), layout.others.end());
    const NameMap map = gemma3_names(keys, "x");
    ASSERT_EQ(map.names.size(), kGemma.size()) << layout.prefix;
    for (size_t i = 0; i < kGemma.size(); ++i) EXPECT_EQ(map.names[i].canonical, kGemma[i]);
    EXPECT_EQ(map.ignored, layout.others);
    EXPECT_THAT(map.unknown, IsEmpty());
  }
}

TEST(Gemma3Names, RefusesWhatIsNotGemma3) {
  EXPECT_ERROR(gemma3_names(Keys{"norm.weight"}, "f"), ErrorKind::BadFile, "f: expected a Gemma 3 checkpoint");
  EXPECT_ERROR(gemma3_names(Keys{"my_embed_tokens.weight"}, "f"), ErrorKind::BadFile, "expected a Gemma 3 checkpoint");
  EXPECT_ERROR(gemma3_names(Keys{"a.embed_tokens.weight", "b.embed_tokens.weight"}, "f"), ErrorKind::BadFile,
               "got 'a.embed_tokens.weight' and 'b.embed_tokens.weight'");
  EXPECT_ERROR(gemma3_names(Keys{"model.embed_tokens.weight", "model.layers.0.self_attn.q_norm.weight"}, "f"),
               ErrorKind::BadFile, "with model.layers.0.post_feedforward_layernorm.weight, got none");
  EXPECT_ERROR(gemma3_names(Keys{"embed_tokens.weight", "layers.0.post_feedforward_layernorm.weight"}, "f"),
               ErrorKind::BadFile, "q_norm.weight, got none: another language model?");
  Keys keys = kGemma;
  keys.push_back("layers.0.self_attn.q_proj.weight_scale");
  EXPECT_THAT(gemma3_names(keys, "f").unknown, ElementsAre("layers.0.self_attn.q_proj.weight_scale"));
}

const std::string kRoberta = "text_model.transformer.roberta.";

Keys parametrized(const std::string& base) {
  return {base + ".parametrizations.weight.original", base + ".parametrizations.weight.0.lora_A",
          base + ".parametrizations.weight.0.lora_B"};
}

Keys operator+(Keys a, const Keys& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(JinaClipNames, GathersAdapters) {
  const std::string words = kRoberta + "embeddings.word_embeddings";
  const std::string fc1 = kRoberta + "encoder.layers.3.mlp.fc1";
  const JinaClipNames names =
      jina_clip_names(parametrized(fc1) + parametrized(words) +
                          Keys{fc1 + ".bias", "logit_scale", "vision_model.cls_token", "spiece_model", "model.x"},
                      "f");
  ASSERT_EQ(names.adapted.size(), 2u);
  EXPECT_EQ(names.adapted[0].canonical, words + ".weight");
  EXPECT_TRUE(names.adapted[0].is_embedding);
  EXPECT_EQ(names.adapted[1].canonical, fc1 + ".weight");
  EXPECT_EQ(names.adapted[1].base_key, fc1 + ".parametrizations.weight.original");
  EXPECT_EQ(names.adapted[1].a_key, fc1 + ".parametrizations.weight.0.lora_A");
  EXPECT_EQ(names.adapted[1].b_key, fc1 + ".parametrizations.weight.0.lora_B");
  EXPECT_FALSE(names.adapted[1].is_embedding);
  ASSERT_EQ(names.map.names.size(), 3u);
  EXPECT_EQ(canonical_of(names.map, fc1 + ".bias"), fc1 + ".bias");
  EXPECT_EQ(canonical_of(names.map, "logit_scale"), "logit_scale");
  EXPECT_THAT(names.map.ignored, ElementsAre("spiece_model"));
  EXPECT_THAT(names.map.unknown, ElementsAre("model.x"));
}

TEST(JinaClipNames, ReadsTheComfyTextTower) {
  const JinaClipNames names = jina_clip_names(
      Keys{"model.embeddings.word_embeddings.weight", "model.encoder.layers.0.mixer.Wqkv.bias", "spiece_model"}, "f");
  EXPECT_THAT(names.adapted, IsEmpty());
  EXPECT_EQ(canonical_of(names.map, "model.embeddings.word_embeddings.weight"),
            kRoberta + "embeddings.word_embeddings.weight");
  EXPECT_EQ(canonical_of(names.map, "model.encoder.layers.0.mixer.Wqkv.bias"),
            kRoberta + "encoder.layers.0.mixer.Wqkv.bias");
  EXPECT_THAT(names.map.ignored, ElementsAre("spiece_model"));
}

TEST(JinaClipNames, ReadsAParametrisedWeightWithoutAdapter) {
  const std::string words = kRoberta + "embeddings.word_embeddings";
  const JinaClipNames names = jina_clip_names(Keys{words + ".parametrizations.weight.original"}, "f");
  EXPECT_THAT(names.adapted, IsEmpty());
  EXPECT_EQ(canonical_of(names.map, words + ".parametrizations.weight.original"), words + ".weight");
}

TEST(JinaClipNames, NeverSkipsHalfAnAdapter) {
  const std::string words = kRoberta + "embeddings.word_embeddings";
  const Keys whole = parametrized(words);
  for (size_t missing = 0; missing < whole.size(); ++missing) {
    Keys keys = whole;
    keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_ERROR(jina_clip_names(keys, "f"), ErrorKind::BadFile,
                 "f: expected " + words + ".parametrizations.weight.{original, 0.lora_A, 0.lora_B}, got ");
  }
  EXPECT_ERROR(jina_clip_names(whole + Keys{words + ".parametrizations.weight.1.lora_A"}, "f"), ErrorKind::Unsupported,
               "1.lora_A");
  EXPECT_ERROR(jina_clip_names(whole + Keys{words + ".weight"}, "f"), ErrorKind::BadFile,
               "expected one key for " + words + ".weight");
  EXPECT_ERROR(jina_clip_names(Keys{"logit_scale"}, "f"), ErrorKind::BadFile, "expected a Jina CLIP checkpoint");
}

// A row of spec/vae.md §6: LDM key, diffusers key, without .weight/.bias.
const struct {
  const char* ldm;
  const char* diffusers;
  bool as_matrix = false;
} kVae[] = {
    {"encoder.conv_in", "encoder.conv_in"},
    {"encoder.down.2.block.0.norm1", "encoder.down_blocks.2.resnets.0.norm1"},
    {"encoder.down.1.block.1.conv1", "encoder.down_blocks.1.resnets.1.conv1"},
    {"encoder.down.1.block.0.nin_shortcut", "encoder.down_blocks.1.resnets.0.conv_shortcut"},
    {"encoder.down.0.downsample.conv", "encoder.down_blocks.0.downsamplers.0.conv"},
    {"encoder.mid.block_1.norm2", "encoder.mid_block.resnets.0.norm2"},
    {"encoder.mid.block_2.conv2", "encoder.mid_block.resnets.1.conv2"},
    {"encoder.mid.attn_1.norm", "encoder.mid_block.attentions.0.group_norm"},
    {"encoder.mid.attn_1.q", "encoder.mid_block.attentions.0.to_q", true},
    {"encoder.mid.attn_1.k", "encoder.mid_block.attentions.0.to_k", true},
    {"encoder.norm_out", "encoder.conv_norm_out"},
    {"encoder.conv_out", "encoder.conv_out"},
    {"decoder.conv_in", "decoder.conv_in"},
    {"decoder.mid.attn_1.v", "decoder.mid_block.attentions.0.to_v", true},
    {"decoder.mid.attn_1.proj_out", "decoder.mid_block.attentions.0.to_out.0", true},
    {"decoder.up.0.block.2.conv1", "decoder.up_blocks.3.resnets.2.conv1"},
    {"decoder.up.1.block.0.nin_shortcut", "decoder.up_blocks.2.resnets.0.conv_shortcut"},
    {"decoder.up.3.block.0.norm2", "decoder.up_blocks.0.resnets.0.norm2"},
    {"decoder.up.3.upsample.conv", "decoder.up_blocks.0.upsamplers.0.conv"},
    {"decoder.up.1.upsample.conv", "decoder.up_blocks.2.upsamplers.0.conv"},
    {"decoder.norm_out", "decoder.conv_norm_out"},
    {"decoder.conv_out", "decoder.conv_out"},
};

TEST(FluxVaeNames, ReadsBothNamingsUnderEveryPrefix) {
  for (const std::string prefix : {"", "first_stage_model.", "vae."}) {
    Keys ldm, diffusers;
    for (const auto& row : kVae)
      for (const char* leaf : {".weight", ".bias"}) {
        ldm.push_back(prefix + row.ldm + leaf);
        diffusers.push_back(prefix + row.diffusers + leaf);
      }
    for (const Keys& keys : {ldm, diffusers}) {
      const NameMap map = flux_vae_names(keys, "x");
      ASSERT_EQ(map.names.size(), keys.size()) << testing::PrintToString(map.unknown);
      for (size_t i = 0; i < keys.size(); ++i) {
        EXPECT_EQ(prefix + map.names[i].canonical, diffusers[i]);
        EXPECT_EQ(map.names[i].file_key, keys[i]);
        EXPECT_EQ(map.names[i].as_matrix, kVae[i / 2].as_matrix && i % 2 == 0) << keys[i];
      }
    }
  }
}

TEST(FluxVaeNames, ReadsTheOldAttentionNames) {
  Keys keys{"decoder.conv_in.weight"};
  for (const char* name : {"group_norm", "query", "key", "value", "proj_attn"})
    keys.push_back(fmt::format("decoder.mid_block.attentions.0.{}.weight", name));
  const NameMap map = flux_vae_names(keys, "x");
  EXPECT_EQ(canonical_of(map, keys[2]), "decoder.mid_block.attentions.0.to_q.weight");
  EXPECT_EQ(canonical_of(map, keys[3]), "decoder.mid_block.attentions.0.to_k.weight");
  EXPECT_EQ(canonical_of(map, keys[4]), "decoder.mid_block.attentions.0.to_v.weight");
  EXPECT_EQ(canonical_of(map, keys[5]), "decoder.mid_block.attentions.0.to_out.0.weight");
  EXPECT_TRUE(map.names[5].as_matrix);
  EXPECT_FALSE(map.names[1].as_matrix);
}

TEST(FluxVaeNames, CountsTheLevelsOfTheFile) {
  const NameMap map = flux_vae_names(Keys{"decoder.conv_in.weight", "decoder.up.0.block.0.conv1.weight",
                                          "decoder.up.1.block.0.conv1.weight", "decoder.up.2.block.0.conv1.weight"},
                                     "x");
  EXPECT_EQ(canonical_of(map, "decoder.up.0.block.0.conv1.weight"), "decoder.up_blocks.2.resnets.0.conv1.weight");
  EXPECT_EQ(canonical_of(map, "decoder.up.2.block.0.conv1.weight"), "decoder.up_blocks.0.resnets.0.conv1.weight");
}

TEST(FluxVaeNames, TellsWhatItDoesNotKnowAndRefusesOtherFiles) {
  const Keys strange = {"post_quant_conv.weight",
                        "decoder.up",
                        "decoder.up.weight",
                        "decoder.up.0.weight",
                        "decoder.up.0.block.0.weight",
                        "decoder.up.0.block.0.conv3.weight",
                        "decoder.up.0.attn.0.q.weight",
                        "decoder.up.99999.block.0.conv1.weight",
                        "encoder.up.0.block.0.conv1.weight",
                        "encoder.down.0.upsample.conv.weight",
                        "decoder.mid.weight",
                        "decoder.mid.attn_1.weight",
                        "decoder.mid.attn_2.q.weight",
                        "decoder.mid_block.attentions.0.to_out.0.x.weight",
                        "decoder.conv_in.scale",
                        "...weight",
                        ""};
  const NameMap map = flux_vae_names(Keys{"decoder.conv_in.weight"} + strange, "x");
  EXPECT_EQ(map.names.size(), 1u);
  EXPECT_EQ(map.unknown, strange);
  EXPECT_ERROR(flux_vae_names(Keys{"x_embedder.weight"}, "f"), ErrorKind::BadFile, "f: expected an autoencoder");
  EXPECT_ERROR(
      flux_vae_names(Keys{"decoder.conv_in.weight", "decoder.norm_out.bias", "decoder.conv_norm_out.bias"}, "f"),
      ErrorKind::BadFile, "'decoder.norm_out.bias' and 'decoder.conv_norm_out.bias'");
}

}  // namespace
}  // namespace newbie
