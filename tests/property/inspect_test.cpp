// What `newbie inspect` says of whole, damaged and foreign files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "generate/inspect_model.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

namespace fs = std::filesystem;

const std::byte* bytes_of(const std::vector<float>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

TEST(Inspect, AWholeModelIsWhole) {
  const Inspection found = inspect(avatar_path(), {.graphs = true, .check_weights = true, .threads = 2});
  EXPECT_TRUE(found.is_whole());
  EXPECT_EQ(found.layout, "official folder");
  ASSERT_EQ(found.parts.size(), 4u);
  const FileKind kinds[] = {FileKind::Transformer, FileKind::TextEncoder, FileKind::ClipModel, FileKind::Vae};
  for (size_t i = 0; i < 4; ++i) {
    const Inspected& part = found.parts[i];
    EXPECT_EQ(part.kind, kinds[i]);
    EXPECT_THAT(part.problem, IsEmpty());
    EXPECT_THAT(part.missing, IsEmpty());
    EXPECT_THAT(part.unexpected, IsEmpty());
    EXPECT_THAT(part.mis_shaped, IsEmpty());
    EXPECT_EQ(part.dtypes.at("BF16").tensors, part.tensors);
    EXPECT_THAT(part.bad_values.value(), IsEmpty());
    EXPECT_THAT(part.graphs, testing::Not(IsEmpty()));
  }
  EXPECT_THAT(found.parts[0].graphs[1].second, HasSubstr("layers.5.attention"));
}

TEST(Inspect, TellsWhatIsMissingStrangeAndMisShaped) {
  const TemporaryFolder folder;
  const OpenedWeights files = open_weights(avatar_path() / "transformer");
  const std::vector<float> other(7);
  std::vector<NamedTensor> tensors{{"stranger.weight", {{{7}, DType::F32}, bytes_of(other)}}};
  for (const FileTensor& tensor : files.tensors) {
    if (tensor.key() == "layers.3.ffn_norm1.weight") continue;
    if (tensor.key() == "layers.2.ffn_norm2.weight")
      tensors.push_back({tensor.key(), {{{7}, DType::F32}, bytes_of(other)}});
    else
      tensors.push_back({tensor.key(), {tensor.spec(), tensor.bytes().data()}});
  }
  write_safetensors(folder / "model.safetensors", tensors);
  fs::copy(avatar_path() / "transformer/config.json", folder / "config.json");
  const Inspection found = inspect(folder.path(), {});
  EXPECT_FALSE(found.is_whole());
  const Inspected& part = found.parts.at(0);
  EXPECT_THAT(part.missing, ElementsAre("layers.3.ffn_norm1.weight"));
  EXPECT_THAT(part.unexpected, ElementsAre("stranger.weight"));
  ASSERT_EQ(part.mis_shaped.size(), 1u);
  EXPECT_EQ(part.mis_shaped[0].name, "layers.2.ffn_norm2.weight");
  EXPECT_EQ(part.mis_shaped[0].expected, "[288]");
  EXPECT_EQ(part.mis_shaped[0].got, "[7]");
}

TEST(Inspect, FindsNanAndInfWithTheirPlace) {
  const TemporaryFolder folder;
  std::vector<float> large((size_t{1} << 21) + 5, 1.0F), small(3, 1.0F);
  large[(size_t{1} << 20) + 7] = NAN;
  large.back() = -INFINITY;
  small[2] = INFINITY;
  write_safetensors(
      folder / "x.safetensors",
      std::vector<NamedTensor>{{"large", {{{static_cast<int64_t>(large.size())}, DType::F32}, bytes_of(large)}},
                               {"small", {{{3}, DType::F32}, bytes_of(small)}},
                               {"whole", {{{2}, DType::F32}, bytes_of(large)}}});
  for (const int threads : {1, 3}) {
    const Inspection found = inspect(folder / "x.safetensors", {.check_weights = true, .threads = threads});
    const auto& bad = found.parts.at(0).bad_values.value();
    ASSERT_EQ(bad.size(), 2u);
    EXPECT_EQ(bad[0].tensor, "large");
    EXPECT_EQ(bad[0].index, (size_t{1} << 20) + 7);
    EXPECT_EQ(bad[0].value, "NaN");
    EXPECT_EQ(bad[0].count, 2u);
    EXPECT_EQ(bad[1].tensor, "small");
    EXPECT_EQ(bad[1].index, 2u);
    EXPECT_EQ(bad[1].value, "Inf");
  }
}

TEST(Inspect, ReadsAdaptersInEveryNaming) {
  const std::vector<float> zeros(4096), alpha{4};
  const struct {
    const char *module, *a, *b, *naming;
  } namings[] = {
      {"base_model.model.layers.0.attention.qkv", ".lora_A.weight", ".lora_B.weight", "PEFT (base_model.model.…)"},
      {"diffusion_model.layers.0.attention.qkv", ".lora_A.weight", ".lora_B.weight", "ComfyUI (diffusion_model.…)"},
      {"lora_unet_layers_0_attention_qkv", ".lora_down.weight", ".lora_up.weight", "kohya (lora_unet_…)"},
      {"layers.0.attention.qkv", ".lora_A.weight", ".lora_B.weight", "bare module names"}};
  for (const auto& naming : namings) {
    const TemporaryFolder folder;
    const std::string module = naming.module;
    write_safetensors(folder / "l.safetensors",
                      std::vector<NamedTensor>{{module + naming.a, {{{8, 16}, DType::F32}, bytes_of(zeros)}},
                                               {module + naming.b, {{{32, 8}, DType::F32}, bytes_of(zeros)}},
                                               {module + ".alpha", {{Shape{}, DType::F32}, bytes_of(alpha)}}});
    const Inspection found = inspect(folder / "l.safetensors", {});
    EXPECT_TRUE(found.is_whole());
    const Inspected& part = found.parts.at(0);
    ASSERT_TRUE(part.adapter.has_value()) << module;
    EXPECT_EQ(part.adapter->type, "LoRA");
    EXPECT_EQ(part.adapter->naming, naming.naming);
    EXPECT_THAT(part.adapter->ranks, ElementsAre(8));
    EXPECT_EQ(part.adapter->modules, 1u);
    EXPECT_THAT(part.alphas, ElementsAre(4.0));
    EXPECT_EQ(part.adapter->targets.begin()->first.substr(0, 9), "attention");
  }
  const AdapterKeys lokr = adapter_keys({{"lycoris_layers_0_attention_qkv.lokr_w1", {8, 8}},
                                         {"lycoris_layers_0_attention_qkv.lokr_w2", {480, 288}},
                                         {"lycoris_layers_1_attention_qkv.lokr_w1", {8, 8}},
                                         {"lycoris_layers_1_attention_qkv.lokr_w2_a", {480, 4}},
                                         {"lycoris_layers_1_attention_qkv.lokr_w2_b", {4, 288}},
                                         {"stranger", {1}}});
  EXPECT_EQ(lokr.type, "LoKr");
  EXPECT_EQ(lokr.full_matrices, 1u);
  EXPECT_THAT(lokr.ranks, ElementsAre(4));
  EXPECT_THAT(lokr.targets, ElementsAre(Pair("attention_qkv", 2u)));
  EXPECT_THAT(lokr.unknown, ElementsAre("stranger"));
}

TEST(Inspect, NamesForeignModels) {
  const TemporaryFolder folder;
  const std::vector<float> zeros(4 * 4 * 9);
  write_safetensors(folder / "sdxl.safetensors", std::vector<NamedTensor>{{"model.diffusion_model.label_emb.0.0.weight",
                                                                           {{{4, 4}, DType::F32}, bytes_of(zeros)}}});
  const Inspection found = inspect(folder / "sdxl.safetensors", {});
  EXPECT_FALSE(found.is_whole());
  EXPECT_THAT(found.parts.at(0).problem, HasSubstr("got Stable Diffusion XL"));
  std::filesystem::resize_file(folder / "sdxl.safetensors",
                               std::filesystem::file_size(folder / "sdxl.safetensors") - 1);
  EXPECT_THAT(inspect(folder / "sdxl.safetensors", {}).parts.at(0).hint, HasSubstr("get the file again"));
  EXPECT_ERROR(inspect(folder / "none", {}), ErrorKind::BadFile, "got nothing there");
}

}  // namespace
}  // namespace newbie::test
