// Spellings, scales and shapes beside those of the cases: made-up files of one or two modules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "adapters/change.h"
#include "adapters/pattern.h"
#include "adapters/read.h"
#include "adapters/write.h"
#include "core/files.h"
#include "core/float_formats.h"
#include "unit/adapters/avatar_weights.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct MadeTensor {
  std::string key;
  Shape shape;
  DType dtype = DType::F32;
  std::vector<float> values;  // empty: made up
};

class MadeFile {
 public:
  fs::path write(const std::vector<MadeTensor>& tensors, const std::map<std::string, std::string>& metadata = {},
                 const std::string& config = {}) {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<NamedTensor> named;
    uint64_t seed = 1;
    for (const MadeTensor& t : tensors) {
      Tensor tensor = random_tensor(t.shape, seed++, 0.1f);
      if (!t.values.empty()) tensor.values = t.values;
      bytes.emplace_back(tensor.values.size() * size_of(t.dtype));
      if (is_float(t.dtype) && t.dtype != DType::F64)
        convert(DType::F32, reinterpret_cast<const std::byte*>(tensor.values.data()), t.dtype, bytes.back().data(),
                tensor.values.size());
      else
        for (size_t i = 0; i < tensor.values.size(); ++i) {
          const auto whole = static_cast<int64_t>(tensor.values[i]);
          std::memcpy(bytes.back().data() + i * size_of(t.dtype), &whole, size_of(t.dtype));
        }
    }
    for (size_t i = 0; i < tensors.size(); ++i)
      named.push_back({tensors[i].key, {{tensors[i].shape, tensors[i].dtype}, bytes[i].data()}});
    const fs::path path = folder_ / "adapter_model.safetensors";
    write_safetensors(path, named, metadata);
    if (!config.empty()) write_file_atomically(folder_ / "adapter_config.json", config);
    return path;
  }

 private:
  TemporaryFolder folder_;
};

Adapter read_made(const std::vector<MadeTensor>& tensors, const std::map<std::string, std::string>& metadata = {},
                  const std::string& config = {}) {
  MadeFile file;
  return read_adapter(file.write(tensors, metadata, config), avatar_weights().base);
}

// A LoRA of rank 4 whose two keys are prefix + module + endings; the module is one of 288 x 288.
std::vector<MadeTensor> pair_of(const std::string& module, const char* down = ".lora_A.weight",
                                const char* up = ".lora_B.weight", int64_t rows = 288, int64_t columns = 288) {
  return {{module + down, {4, columns}}, {module + up, {rows, 4}}};
}

TEST(AdapterVariations, EveryPrefixAndSeparatorLeadsToTheModule) {
  for (const char* module :
       {"layers.1.attention.out", "diffusion_model.layers.1.attention.out",
        "model.diffusion_model.layers.1.attention.out", "transformer.layers.1.attention.out",
        "base_model.model.layers.1.attention.out", "base_model.model.transformer.layers.1.attention.out",
        "unet.base_model.model.layers.1.attention.out", "transformer.base_model.model.layers.1.attention.out",
        "module._orig_mod.layers.1.attention.out", "unet.layers.1.attention.out", "lora_unet_layers_1_attention_out",
        "lora_transformer_layers_1_attention_out", "lycoris_layers_1_attention_out",
        "lora_unet_layers_1_attention_to_out_0", "lora_unet_layers_1_attn_to_out_0",
        "diffusion_model.layers.1.attention.to_out.0", "transformer.layers.1.attn.to_out.0",
        "transformer.layers.1.attention.to_out", "layers.1.attention.wo"}) {
    SCOPED_TRACE(module);
    const Adapter adapter = read_made(pair_of(module));
    ASSERT_EQ(adapter.changes.size(), 1u);
    EXPECT_EQ(adapter.changes[0].weight, "layers.1.attention.out.weight");
    EXPECT_TRUE(adapter.changes[0].whole());
  }
}

TEST(AdapterVariations, EveryPairOfEndingsIsRead) {
  const std::pair<const char*, const char*> endings[] = {
      {".lora_A.weight", ".lora_B.weight"},
      {".lora_A", ".lora_B"},
      {".lora_A.default.weight", ".lora_B.default.weight"},
      {".lora_A.my_style.weight", ".lora_B.my_style.weight"},
      {".lora_down.weight", ".lora_up.weight"},
      {".lora_down", ".lora_up"},
      {".lora.down.weight", ".lora.up.weight"},
      {"_lora.down.weight", "_lora.up.weight"},
      {".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"}};
  for (const auto& [down, up] : endings) {
    SCOPED_TRACE(down);
    const Adapter adapter = read_made(pair_of("diffusion_model.layers.1.attention.out", down, up));
    ASSERT_EQ(adapter.changes.size(), 1u);
    EXPECT_EQ(adapter.changes[0].rank(), 4);
  }
}

TEST(AdapterVariations, ModulesOfEveryKindAreFound) {
  const struct {
    const char *spelled, *weight;
    int64_t rows, columns, first = 0;
  } modules[] = {
      {"diffusion_model.layers.0.feed_forward.w1", "layers.0.feed_forward.w1.weight", 768, 288},
      {"transformer.layers.0.feed_forward.linear_1", "layers.0.feed_forward.w1.weight", 768, 288},
      {"transformer.layers.0.feed_forward.linear_3", "layers.0.feed_forward.w3.weight", 768, 288},
      {"lora_unet_noise_refiner_1_feed_forward_w3", "noise_refiner.1.feed_forward.w3.weight", 768, 288},
      {"transformer.layers.2.norm1.linear", "layers.2.adaLN_modulation.1.weight", 1152, 288},
      {"lora_unet_layers_2_adaLN_modulation_1", "layers.2.adaLN_modulation.1.weight", 1152, 288},
      {"diffusion_model.layers.2.attention.qkv", "layers.2.attention.qkv.weight", 480, 288},
      {"transformer.layers.2.attn.to_qkv", "layers.2.attention.qkv.weight", 480, 288},
      {"transformer.layers.2.attn.to_q", "layers.2.attention.qkv.weight", 288, 288, 0},
      {"transformer.layers.2.attn.to_k", "layers.2.attention.qkv.weight", 96, 288, 288},
      {"lora_unet_layers_2_attention_to_v", "layers.2.attention.qkv.weight", 96, 288, 384},
      {"lora_unet_context_refiner_0_attn_to_k", "context_refiner.0.attention.qkv.weight", 96, 288, 288},
      {"text_encoder.layers.0.self_attn.q_proj", "layers.0.self_attn.q_proj.weight", 0, 0},
      {"text_encoder.model.layers.0.self_attn.q_proj", "layers.0.self_attn.q_proj.weight", 0, 0},
      {"lora_te_model_layers_0_self_attn_q_proj", "layers.0.self_attn.q_proj.weight", 0, 0},
      {"text_encoders.gemma3_4b.transformer.model.layers.0.self_attn.q_proj", "layers.0.self_attn.q_proj.weight", 0, 0},
      {"text_encoder.base_model.model.model.language_model.layers.0.self_attn.q_proj",
       "layers.0.self_attn.q_proj.weight", 0, 0},
  };
  const AdapterBase& base = avatar_weights().base;
  for (const auto& m : modules) {
    SCOPED_TRACE(m.spelled);
    const Shape& weight = m.rows == 0 ? base.text_encoder.at(m.weight) : base.transformer.at(m.weight);
    const int64_t rows = m.rows == 0 ? weight[0] : m.rows, columns = m.rows == 0 ? weight[1] : m.columns;
    const Adapter adapter = read_made(pair_of(m.spelled, ".lora_A.weight", ".lora_B.weight", rows, columns));
    ASSERT_EQ(adapter.changes.size(), 1u);
    EXPECT_EQ(adapter.changes[0].weight, m.weight);
    EXPECT_EQ(adapter.changes[0].first_row, m.first);
    EXPECT_EQ(adapter.changes[0].rows, rows);
    EXPECT_EQ(adapter.changes[0].part, m.rows == 0 ? AdapterPart::TextEncoder : AdapterPart::Transformer);
  }
}

TEST(AdapterVariations, OneMatrixOfSeveralModulesIsCut) {
  const AdapterBase& base = avatar_weights().base;
  const Shape q = base.text_encoder.at("layers.0.self_attn.q_proj.weight");
  const Shape k = base.text_encoder.at("layers.0.self_attn.k_proj.weight");
  const Adapter adapter = read_made(
      pair_of("lora_te_layers_0_self_attn_qkv_proj", ".lora_down.weight", ".lora_up.weight", q[0] + 2 * k[0], q[1]));
  ASSERT_EQ(adapter.changes.size(), 3u);
  EXPECT_EQ(adapter.changes[0].weight, "layers.0.self_attn.k_proj.weight");
  EXPECT_EQ(adapter.changes[1].weight, "layers.0.self_attn.q_proj.weight");
  EXPECT_EQ(adapter.modules, 1u);
  const std::vector<float> whole = random_tensor({q[0] + 2 * k[0], 4}, 2, 0.1f).values;
  EXPECT_EQ(values_of(adapter.changes[1].factors[1]).front(), whole.front());
  EXPECT_EQ(values_of(adapter.changes[0].factors[1]).front(), whole[static_cast<size_t>(q[0] * 4)]);
}

TEST(AdapterVariations, FactorsMayBeOfAnyFloat) {
  for (const DType dtype : {DType::F32, DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2}) {
    std::vector<MadeTensor> tensors = pair_of("diffusion_model.layers.1.attention.out");
    for (MadeTensor& t : tensors) t.dtype = dtype;
    const Adapter adapter = read_made(tensors);
    EXPECT_EQ(values_of(adapter.changes[0].factors[1])[5], round_to(dtype, random_tensor({288, 4}, 2, 0.1f).values[5]));
  }
}

TEST(AdapterVariations, AlphaMayHaveAnyShapeAndDtype) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{1, 1}})
    for (const DType dtype : {DType::F32, DType::F16, DType::BF16, DType::I64, DType::I32}) {
      std::vector<MadeTensor> tensors = pair_of("diffusion_model.layers.1.attention.out");
      tensors.push_back({"diffusion_model.layers.1.attention.out.alpha", shape, dtype, {2}});
      const Adapter adapter = read_made(tensors);
      EXPECT_EQ(adapter.changes[0].scale, 0.5);
      EXPECT_TRUE(adapter.notes.empty());
    }
  std::vector<MadeTensor> tensors = pair_of("diffusion_model.layers.1.attention.out");
  tensors.push_back({"diffusion_model.layers.1.attention.out.alpha", {2}, DType::F32, {2, 2}});
  EXPECT_ERROR(read_made(tensors), ErrorKind::BadFile, "expected one number");
  tensors.back() = {"diffusion_model.layers.1.attention.out.alpha", {}, DType::F32, {NAN}};
  EXPECT_ERROR(read_made(tensors), ErrorKind::BadFile, "expected a finite number, got nan");
}

TEST(AdapterVariations, NoAlphaIsScaleOneAndTold) {
  const Adapter adapter = read_made(pair_of("base_model.model.layers.1.attention.out"));
  EXPECT_EQ(adapter.changes[0].scale, 1);
  ASSERT_EQ(adapter.notes.size(), 1u);
  EXPECT_THAT(adapter.notes[0], HasSubstr("no alpha in this file for 1 modules: scale 1; PEFT keeps it in"));
}

double scale_with(const std::string& config, const std::string& module = "base_model.model.layers.1.attention.out") {
  return read_made(pair_of(module), {}, config).changes[0].scale;
}

TEST(AdapterVariations, PeftsConfigurationScales) {
  EXPECT_EQ(scale_with(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8})"), 2);
  EXPECT_EQ(scale_with(R"({"r": 4, "lora_alpha": 6.5})"), 6.5 / 4);
  EXPECT_EQ(scale_with(R"({"r": 4, "lora_alpha": 8, "use_rslora": true})"), 4);
  EXPECT_EQ(scale_with(R"({"r": 8, "lora_alpha": 8, "rank_pattern": {"attention.out": 4}})"), 2);
  EXPECT_EQ(scale_with(R"({"r": 8, "lora_alpha": 8, "rank_pattern": {"out": 4}, "alpha_pattern": {"layers.1.*": 2}})"),
            0.5);
  EXPECT_EQ(scale_with(R"({"r": 4, "lora_alpha": 8, "alpha_pattern": {"^attention.out": 2}})"), 2) << "^ is the start";
  const char* const several = R"json({"r": 4, "lora_alpha": 8,
    "alpha_pattern": {"layers\\.[01]\\.attention\\.(out|qkv)": 1}})json";
  EXPECT_EQ(scale_with(several), 0.25);
  EXPECT_EQ(scale_with(R"({"r": 4, "lora_alpha": 8, "alpha_pattern": {"qkv": 1, ".*out": 3, "attention.out": 5}})"),
            0.75)
      << "the first that matches";
  EXPECT_ERROR(scale_with(R"({"r": 8, "lora_alpha": 8})"), ErrorKind::BadFile, "expected factors of rank 8");
  EXPECT_ERROR(scale_with(R"({"r": 4, "use_dora": true})"), ErrorKind::BadFile, "has no magnitude here");
  EXPECT_ERROR(scale_with(R"({"peft_type": "IA3"})"), ErrorKind::Unsupported, "peft_type 'IA3'");
  EXPECT_ERROR(scale_with(R"({"r": 4, "fan_in_fan_out": true})"), ErrorKind::Unsupported, "fan_in_fan_out");
  EXPECT_ERROR(scale_with(R"({"r": 0})"), ErrorKind::BadFile, "expected a rank");
  EXPECT_ERROR(scale_with("[1]"), ErrorKind::BadFile, "expected a JSON object");
}

// PEFT matches what the trained model calls a module, which has the prefixes that a wrapped or outer model adds.
TEST(AdapterVariations, PatternsMayHaveAModulesWholeName) {
  const auto scale = [](const std::string& prefix, const std::string& pattern) {
    return scale_with(R"({"r": 8, "lora_alpha": 8, "rank_pattern": {")" + pattern + R"(": 4}, "alpha_pattern": {")" +
                          pattern + R"(": 32}})",
                      "base_model.model." + prefix + "layers.1.attention.out");
  };
  for (const std::string prefix : {"", "transformer.", "module.", "_orig_mod.", "model."}) {
    EXPECT_EQ(scale(prefix, prefix + "layers.1.attention.out"), 8) << prefix;
    EXPECT_EQ(scale(prefix, "attention.out"), 8) << prefix;
    EXPECT_EQ(scale(prefix, "^" + prefix + "layers.1.*"), 8) << prefix;
  }
}

TEST(AdapterVariations, PatternsScaleProductsToo) {
  const auto scale = [](const std::vector<std::string>& factors, const char* type) {
    std::vector<MadeTensor> tensors;
    for (const std::string& factor : factors)
      tensors.push_back({"base_model.model.layers.1.attention.out." + factor,
                         factor.ends_with("_a") ? Shape{288, 8} : Shape{8, 288}});
    return read_made(tensors, {},
                     std::string(R"({"r": 4, "alpha": 8, "rank_pattern": {"attention.out": 8}, )") +
                         R"("alpha_pattern": {"layers.1.attention.out": 32}, "peft_type": ")" + type + R"("})")
        .changes[0]
        .scale;
  };
  EXPECT_EQ(scale({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}, "LOHA"), 4);
}

// What such a configuration says cannot be told from the factors, and another picture would be drawn.
TEST(AdapterVariations, FactorsOfAnotherMeaningAreRefused) {
  for (const char* start : {"pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga"})
    EXPECT_ERROR(scale_with(std::string(R"({"r": 4, "init_lora_weights": ")") + start + "\"}"), ErrorKind::Unsupported,
                 "of a base that was changed");
  for (const char* start : {"true", "false", "\"gaussian\"", "\"eva\"", "null"})
    EXPECT_EQ(scale_with(std::string(R"({"r": 4, "init_lora_weights": )") + start + "}"), 2) << start;
  EXPECT_ERROR(scale_with(R"({"r": 4, "alora_invocation_tokens": [1, 2]})"), ErrorKind::Unsupported,
               "alora_invocation_tokens");
  EXPECT_ERROR(
      read_made(pair_of("transformer.layers.1.attn.to_out.0"),
                {{"lora_adapter_metadata", R"({"transformer.r": 4, "transformer.init_lora_weights": "pissa"})"}}),
      ErrorKind::Unsupported, "of a base that was changed");
}

TEST(AdapterVariations, HalvesOfTwoAdaptersAreNoAdapter) {
  EXPECT_ERROR(read_made(pair_of("base_model.model.layers.1.attention.out", ".lora_A.a.weight", ".lora_B.b.weight")),
               ErrorKind::BadFile, "expected one adapter, got keys of 2");
  EXPECT_ERROR(read_made(pair_of("layers.1.attention.out", ".lora_A.scale_weight")), ErrorKind::Unsupported,
               "a kind that is not read");
}

// No infinity and no nothing is written in silence.
TEST(AdapterVariations, WhatAFormatCannotHoldIsNotWritten) {
  const TemporaryFolder folder;
  const auto write = [&](float value, DType dtype) {
    std::vector<MadeTensor> tensors = pair_of("layers.1.attention.out");
    tensors[1].values.assign(288 * 4, value);
    const Adapter adapter = read_made(tensors);
    write_adapter(folder / "out.safetensors", adapter.changes, avatar_weights().base,
                  {.form = AdapterForm::ComfyUi, .dtype = dtype});
  };
  EXPECT_ERROR(write(1e5f, DType::F16), ErrorKind::InvalidRequest, "is beyond what f16 holds");
  EXPECT_ERROR(write(1e-9f, DType::F16), ErrorKind::InvalidRequest, "so small that f16 has 0");
  EXPECT_FALSE(fs::exists(folder / "out.safetensors"));
  write(1e5f, DType::BF16);
  write(1e-9f, DType::F32);
  write(0, DType::F16);
}

TEST(AdapterVariations, MetadataScale) {
  const auto scale = [](const std::string& module, const std::map<std::string, std::string>& metadata) {
    return read_made(pair_of(module), metadata).changes[0].scale;
  };
  const std::string diffusers = R"({"transformer.r": 4, "transformer.lora_alpha": 8})";
  EXPECT_EQ(scale("transformer.layers.1.attn.to_out.0", {{"lora_adapter_metadata", diffusers}}), 2);
  const std::string patterns =
      R"({"transformer.r": 2, "transformer.lora_alpha": 2, "transformer.rank_pattern": {"layers.1.attn.to_out.0": 4},
          "transformer.alpha_pattern": {"attn.to_out.0": 16}, "transformer.use_rslora": true})";
  EXPECT_EQ(scale("transformer.layers.1.attn.to_out.0", {{"lora_adapter_metadata", patterns}}), 8);
  const std::map<std::string, std::string> trainer{{"lora_rank", "4"}, {"lora_alpha", "2"}};
  EXPECT_EQ(scale("base_model.model.layers.1.attention.out", trainer), 0.5);
  EXPECT_EQ(scale("diffusion_model.layers.1.attention.out", trainer), 1) << "as ComfyUI does; told";
  EXPECT_THAT(read_made(pair_of("diffusion_model.layers.1.attention.out"), trainer).notes[0],
              HasSubstr("lora_alpha 2 and lora_rank 4"));
  EXPECT_EQ(scale("lora_unet_layers_1_attention_out", {{"ss_network_dim", "4"}, {"ss_network_alpha", "2"}}), 1);
}

TEST(AdapterVariations, KroneckerFactorsMayBeCut) {
  const std::string m = "lycoris_layers_1_attention_out";
  const auto scale = [&](std::vector<MadeTensor> tensors, float alpha) {
    tensors.push_back({m + ".alpha", {}, DType::F32, {alpha}});
    const Adapter adapter = read_made(tensors);
    EXPECT_EQ(adapter.changes[0].kind, ChangeKind::Kronecker);
    EXPECT_EQ(adapter.changes[0].factors[1].spec.shape, (Shape{36, 36}));
    return adapter.changes[0].scale;
  };
  const MadeTensor w1{m + ".lokr_w1", {8, 8}}, w2{m + ".lokr_w2", {36, 36}};
  EXPECT_EQ(scale({w1, w2}, 114514), 1);
  EXPECT_EQ(scale({w1, {m + ".lokr_w2_a", {36, 2}}, {m + ".lokr_w2_b", {2, 36}}}, 3), 1.5);
  EXPECT_EQ(scale({{m + ".lokr_w1_a", {8, 3}}, {m + ".lokr_w1_b", {3, 8}}, w2}, 3), 1);
  EXPECT_EQ(scale({{m + ".lokr_w1_a", {8, 2}},
                   {m + ".lokr_w1_b", {2, 8}},
                   {m + ".lokr_w2_a", {36, 2}},
                   {m + ".lokr_w2_b", {2, 36}}},
                  1),
            0.5);
  const Adapter told = read_made({w1, w2, {m + ".alpha", {}, DType::F32, {1}}}, {{"ss_network_dim", "32"}});
  ASSERT_EQ(told.notes.size(), 1u);
  EXPECT_THAT(told.notes[0], HasSubstr("their alpha 1 is not the file's dimension 32"));
  EXPECT_ERROR(read_made({w1}), ErrorKind::BadFile, "expected both factors of LoKr");
  EXPECT_ERROR(read_made({w1, {m + ".lokr_w2_a", {36, 2}}}), ErrorKind::BadFile, "lokr_w2_a without lokr_w2_b");
  EXPECT_ERROR(read_made({w1, w2, {m + ".lokr_w2_a", {36, 2}}, {m + ".lokr_w2_b", {2, 36}}}), ErrorKind::BadFile,
               "expected lokr_w2 or its two factors");
}

TEST(AdapterVariations, MiddleFactorsMagnitudesAndBiases) {
  const std::string m = "lora_unet_time_text_embed_1";
  const AdapterBase& base = avatar_weights().base;
  const Shape shape = base.transformer.at("time_text_embed.1.weight");
  std::vector<MadeTensor> tensors = pair_of(m, ".lora_down.weight", ".lora_up.weight", shape[0], shape[1]);
  tensors.push_back({m + ".lora_mid.weight", {4, 4, 1, 1}});
  Adapter adapter = read_made(tensors);
  EXPECT_EQ(adapter.changes[0].rank(), 4);

  tensors = pair_of(m, ".lora_down.weight", ".lora_up.weight", shape[0], shape[1]);
  tensors.push_back({m + ".dora_scale", {1, shape[1]}});
  EXPECT_TRUE(read_made(tensors).changes[0].magnitude->by_input);
  tensors.back() = {m + ".dora_scale", {shape[0]}};
  EXPECT_FALSE(read_made(tensors).changes[0].magnitude->by_input);
  tensors.back() = {m + ".lora_magnitude_vector.weight", {shape[0], 1}};
  EXPECT_EQ(read_made(tensors).changes[0].magnitude->values.spec.shape, (Shape{shape[0]}));
  tensors.back() = {m + ".dora_scale", {7}};
  EXPECT_ERROR(read_made(tensors), ErrorKind::BadFile, "dora_scale: expected");

  tensors = pair_of("base_model.model.time_text_embed.1", ".lora_A.weight", ".lora_B.weight", shape[0], shape[1]);
  tensors.push_back({"base_model.model.time_text_embed.1.lora_B.bias", {shape[0]}});
  adapter = read_made(tensors, {}, R"({"r": 4, "lora_alpha": 8})");
  ASSERT_EQ(adapter.changes.size(), 2u);
  EXPECT_EQ(adapter.changes[0].weight, "time_text_embed.1.bias");
  EXPECT_EQ(adapter.changes[0].scale, 2);
}

TEST(AdapterVariations, WholeDifferencesAndReplacements) {
  const Adapter adapter = read_made({{"diffusion_model.layers.0.attention_norm1.w_norm", {288}},
                                     {"diffusion_model.time_text_embed.1.diff_b", {288}},
                                     {"diffusion_model.layers.0.attention.out.set_weight", {288, 288}},
                                     {"lora_unet_layers_1_attention_q_norm.diff", {48}},
                                     {"base_model.model.layers.2.attention.out.weight", {288, 288}}});
  ASSERT_EQ(adapter.changes.size(), 5u);
  EXPECT_EQ(adapter.changes[0].weight, "layers.0.attention.out.weight");
  EXPECT_EQ(adapter.changes[0].kind, ChangeKind::Replacement);
  EXPECT_EQ(adapter.changes[1].weight, "layers.0.attention_norm1.weight");
  EXPECT_EQ(adapter.changes[2].weight, "layers.1.attention.q_norm.weight");
  EXPECT_EQ(adapter.changes[3].kind, ChangeKind::Replacement);
  EXPECT_EQ(adapter.changes[4].weight, "time_text_embed.1.bias");
  EXPECT_ERROR(read_made({{"diffusion_model.layers.0.attention.out.diff_b", {288}}}), ErrorKind::BadFile,
               "expected a bias in this model");
  EXPECT_ERROR(read_made(pair_of("diffusion_model.layers.0.attention_norm1")), ErrorKind::BadFile,
               "expected a difference of a norm's vector");
  EXPECT_ERROR(read_made({{"diffusion_model.layers.0.attention.out.diff", {288}}}), ErrorKind::BadFile,
               "expected a matrix");
}

TEST(AdapterVariations, WhatIsWrongIsNamed) {
  EXPECT_ERROR(read_made({}), ErrorKind::BadFile, "a file without tensors");
  EXPECT_ERROR(read_made({{"diffusion_model.layers.1.attention.out.alpha", {}}}), ErrorKind::BadFile,
               "got alpha alone");
  EXPECT_ERROR(read_made({{"diffusion_model.layers.1.attention.out.lora_A.weight", {0, 288}},
                          {"diffusion_model.layers.1.attention.out.lora_B.weight", {288, 0}}}),
               ErrorKind::BadFile, "expected a matrix");
  EXPECT_ERROR(read_made({{"lora_unet_layers_1_attention_out.oft_blocks", {4, 4}}}), ErrorKind::Unsupported,
               "a kind that is not read");
  EXPECT_ERROR(read_made(pair_of("diffusion_model.layers.1.attention.owt")), ErrorKind::BadFile,
               "(the nearest of this model is layers.1.attention.out)");
  EXPECT_ERROR(read_made(pair_of("lora_te2_layers_0_mlp_fc1")), ErrorKind::BadFile, "Jina CLIP");
  EXPECT_ERROR(read_made(pair_of("lora_unet_down_blocks_0_attentions_0_proj_in")), ErrorKind::BadFile,
               "they look like Stable Diffusion");
  EXPECT_ERROR(read_made({{"diffusion_model.layers.1.attention.out.lora_A.weight", {4, 288}},
                          {"diffusion_model.layers.1.attention.out.lora_A.default.weight", {4, 288}}}),
               ErrorKind::BadFile, "expected each factor once");
  std::vector<MadeTensor> wide = pair_of("diffusion_model.layers.1.attention.out");
  wide[0].dtype = DType::I32;
  EXPECT_ERROR(read_made(wide), ErrorKind::Unsupported, "expected a float dtype");
}

TEST(AdapterPattern, MatchesAsPythonDoes) {
  EXPECT_TRUE(pattern_matches("attention.out", "layers.1.attention.out"));
  EXPECT_FALSE(pattern_matches("ention.out", "layers.1.attention.out")) << "begins behind a dot";
  EXPECT_FALSE(pattern_matches("layers.1.attention", "layers.1.attention.out")) << "reaches the end";
  EXPECT_TRUE(pattern_matches("layers.1.attention.out", "layers.1.attention.out"));
  EXPECT_TRUE(pattern_matches("^layers.1.*", "layers.1.attention.out"));
  EXPECT_FALSE(pattern_matches("^attention.out", "layers.1.attention.out"));
  EXPECT_TRUE(pattern_matches(R"(layers\.\d+\.(attention|feed_forward)\.\w+$)", "noise.layers.17.attention.qkv"));
  EXPECT_TRUE(pattern_matches("layers.[0-4].x", "layers.3.x"));
  EXPECT_FALSE(pattern_matches("layers.[^0-4].x", "layers.3.x"));
  EXPECT_TRUE(pattern_matches("a{2,3}b?", "aaa"));
  EXPECT_FALSE(pattern_matches("a{2}", "aaa"));
  EXPECT_TRUE(pattern_matches("(?:a|bc)+?", "abca"));
  EXPECT_TRUE(pattern_matches("()", "")) << "nothing is all of an empty name";
  EXPECT_TRUE(pattern_matches("(a*)*b", "aab"));
  for (const char* bad : {"(", ")", "a**", "[a", "\\", "(?=a)", "a{3,1}", "*", "\\b", "a{1", "[b-a]"})
    EXPECT_ERROR(pattern_matches(bad, "aa"), ErrorKind::Unsupported, "pattern");
  EXPECT_ERROR(pattern_matches("(a|a)*b", std::string(60, 'a')), ErrorKind::Unsupported, "takes too long");
  EXPECT_ERROR(pattern_matches("((((){500}){500}){500}){500}x", "y"), ErrorKind::Unsupported, "takes too long");
}

}  // namespace
}  // namespace newbie::test
