// What made-up headers look like.
#include "models/recognise.h"

#include <gtest/gtest.h>

#include "models/flux_vae/names.h"

namespace newbie {
namespace {

TEST(Recognise, TellsForeignModelsByName) {
  const struct {
    HeaderShapes header;
    const char* name;
  } models[] = {
      {{{"model.diffusion_model.label_emb.0.0.weight", {1280, 2816}},
        {"first_stage_model.decoder.conv_in.weight", {512, 4, 3, 3}}},
       "Stable Diffusion XL"},
      {{{"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", {320, 768}}},
       "Stable Diffusion 1.x"},
      {{{"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight", {320, 1024}}},
       "Stable Diffusion 2.x (diffusers naming)"},
      {{{"double_blocks.0.img_attn.qkv.weight", {9216, 3072}}}, "FLUX"},
      {{{"single_transformer_blocks.0.attn.to_k.weight", {3072, 3072}}}, "FLUX.1 (diffusers naming)"},
      {{{"model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight", {4608, 1536}}}, "Stable Diffusion 3"},
      {{{"cap_embedder.1.weight", {3840, 2560}}, {"layers.0.attention.to_q.weight", {3840, 3840}}}, "Z-Image"},
      {{{"cap_embedder.1.weight", {2304, 2304}}, {"x_embedder.weight", {2304, 64}}},
       "Lumina-Image 2.0 (no pooled text)"},
      {{{"model.layers.0.post_feedforward_layernorm.weight", {2304}},
        {"model.layers.0.self_attn.q_proj.weight", {1, 1}}},
       "Gemma 2"},
      {{{"model.layers.0.self_attn.q_proj.weight", {4096, 4096}}}, "a language model like Llama or Qwen"},
      {{{"encoder.block.0.layer.0.SelfAttention.q.weight", {4096, 4096}}}, "the text encoder T5"},
      {{{"text_model.encoder.layers.0.self_attn.k_proj.weight", {768, 768}}}, "the text encoder of OpenAI's CLIP"},
      {{{"decoder.conv_in.weight", {512, 4, 3, 3}}},
       "the autoencoder of Stable Diffusion 1.x, 2.x or XL (4 latent channels)"},
  };
  for (const auto& model : models) {
    const Recognised what = recognise(model.header);
    EXPECT_EQ(what.kind, FileKind::Foreign) << model.name;
    EXPECT_EQ(what.words, model.name);
  }
}

TEST(Recognise, TensorsOfTheTransformerCountForMoreThanAnArchitecture) {
  const HeaderShapes ours = {{"x_embedder.weight", {2304, 64}}, {"clip_text_pooled_proj.1.weight", {1024, 1024}}};
  for (const char* word : {"lumina2", "z_image", "Lumina2", "flux", "some new one"})
    EXPECT_EQ(recognise(ours, {{"general.architecture", word}}).kind, FileKind::Transformer) << word;
  EXPECT_EQ(recognise(ours, {{"general.architecture", "lumina2"}, {"general.type", "adapter"}}).kind,
            FileKind::Foreign);
  const HeaderShapes gemma = {{"blk.0.post_ffw_norm.weight", {2560}}, {"blk.0.attn_q_norm.weight", {256}}};
  EXPECT_EQ(recognise(gemma, {{"general.architecture", "gemma3"}}).kind, FileKind::TextEncoder);
  EXPECT_EQ(recognise(gemma, {{"general.architecture", "gemma3n"}}).words, "Gemma 3n");
  EXPECT_EQ(recognise({{"weight", {1}}}, {{"general.architecture", "z_image"}}).kind, FileKind::Foreign);
}

TEST(Recognise, KnowsItsOwnParts) {
  const HeaderShapes gemma = {{"language_model.model.embed_tokens.weight", {262208, 2560}},
                              {"language_model.model.layers.0.post_feedforward_layernorm.weight", {2560}},
                              {"language_model.model.layers.0.self_attn.q_norm.weight", {256}},
                              {"vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.weight", {1152, 1152}}};
  EXPECT_EQ(recognise(gemma).kind, FileKind::TextEncoder);
  EXPECT_EQ(recognise(gemma).words, "the text encoder Gemma 3 4B");
  HeaderShapes larger = gemma;
  larger["language_model.model.embed_tokens.weight"] = {262208, 3840};
  EXPECT_EQ(recognise(larger).words, "the text encoder Gemma 3 12B");
  EXPECT_EQ(recognise({{"diffusion_model.x_embedder.weight", {2304, 64}},
                       {"diffusion_model.cap_embedder.1.weight", {2304, 2560}},
                       {"diffusion_model.clip_text_pooled_proj.1.weight", {1024, 1024}}})
                .kind,
            FileKind::Transformer);
  EXPECT_EQ(recognise({{"model.embeddings.word_embeddings.weight", {250002, 1024}}}).kind, FileKind::ClipModel);
  EXPECT_EQ(recognise({{"text_model.transformer.roberta.embeddings.word_embeddings.parametrizations.weight.original",
                        {250002, 1024}}})
                .kind,
            FileKind::ClipModel);
  EXPECT_EQ(recognise({{"decoder.conv_in.weight", {512, 16, 3, 3}}}).kind, FileKind::Vae);
  EXPECT_EQ(recognise({{"diffusion_model.layers.0.attention.qkv.lora_A.weight", {8, 2304}}}).kind, FileKind::Adapter);
  EXPECT_EQ(recognise({{"lycoris_layers_0_attention_qkv.lokr_w1", {8, 8}}}).kind, FileKind::Adapter);
  EXPECT_EQ(recognise({{"weight", {1}}}).kind, FileKind::Unknown);
  EXPECT_EQ(recognise({}).kind, FileKind::Unknown);
}

TEST(Recognise, ABundleHoldsItsParts) {
  const HeaderShapes bundle = {{"model.diffusion_model.x_embedder.weight", {2304, 64}},
                               {"model.diffusion_model.clip_text_pooled_proj.1.weight", {1024, 1024}},
                               {"vae.decoder.conv_in.weight", {512, 16, 3, 3}}};
  EXPECT_EQ(recognise(bundle).kind, FileKind::Transformer);
  EXPECT_TRUE(holds(bundle, FileKind::Vae));
  EXPECT_FALSE(holds(bundle, FileKind::TextEncoder));
}

TEST(FluxVaeNames, LdmNamesLeadBack) {
  for (const char* ldm :
       {"encoder.conv_in.weight", "encoder.norm_out.bias", "encoder.down.1.block.0.nin_shortcut.weight",
        "encoder.down.2.downsample.conv.bias", "decoder.mid.block_2.conv1.weight", "decoder.mid.attn_1.norm.weight",
        "decoder.mid.attn_1.q.weight", "decoder.mid.attn_1.proj_out.bias", "decoder.up.3.block.2.norm1.weight",
        "decoder.up.1.upsample.conv.weight", "decoder.conv_out.bias"}) {
    std::vector<std::string> keys = {ldm, "decoder.conv_in.weight", "decoder.up.3.block.0.norm1.bias"};
    for (const MappedName& name : flux_vae_names(keys, "x").names)
      EXPECT_TRUE(name.file_key != ldm || ldm_vae_name(name.canonical, 4) == ldm) << name.canonical;
  }
  EXPECT_EQ(ldm_vae_name("quant_conv.weight", 4), "");
}

}  // namespace
}  // namespace newbie
