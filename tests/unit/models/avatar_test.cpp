// The name maps on real files: the embedded model in the official layout, and the same weights as ComfyUI single files
// where they are at hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <set>

#include "core/float_formats.h"
#include "models/flux_vae/names.h"
#include "models/gemma3/names.h"
#include "models/jina_clip/names.h"
#include "models/next_dit/names.h"
#include "weights/low_rank_merge.h"
#include "weights/open_weights.h"

namespace newbie {
namespace {

using testing::IsEmpty;

namespace fs = std::filesystem;

const fs::path kAvatar = fs::path(NEWBIE_SOURCE_DIR) / "models/avatar";
const fs::path kComfy = fs::path(NEWBIE_SOURCE_DIR) / "../shared/models/avatar/comfyui";

void fill(WeightStore& store, const OpenedWeights& opened, const NameMap& map) {
  EXPECT_THAT(map.unknown, IsEmpty());
  for (const MappedName& name : map.names) {
    const FileTensor& tensor = *opened.find(name.file_key);
    name.as_matrix ? store.add_as_matrix(name.canonical, tensor) : store.add(name.canonical, tensor);
  }
}

using NamesOf = NameMap (*)(std::span<const std::string>, std::string_view);

WeightStore load(const fs::path& path, NamesOf names_of) {
  const OpenedWeights opened = open_weights(path);
  WeightStore store;
  fill(store, opened, names_of(opened.keys(), path.string()));
  return store;
}

WeightStore load_jina(const fs::path& path) {
  const OpenedWeights opened = open_weights(path);
  const JinaClipNames names = jina_clip_names(opened.keys(), path.string());
  WeightStore store;
  fill(store, opened, names.map);
  for (const AdaptedName& name : names.adapted)
    store.add_derived(name.canonical,
                      low_rank_merge(*opened.find(name.base_key), *opened.find(name.a_key), *opened.find(name.b_key),
                                     name.is_embedding ? LowRankKind::Embedding : LowRankKind::Linear, 1.0F));
  return store;
}

std::vector<float> read(const WeightStore& store, std::string_view name) {
  std::vector<float> values(store.find(name).value().shape.elements());
  store.read(name, DType::F32, reinterpret_cast<std::byte*>(values.data()));
  return values;
}

std::vector<double> stored(const OpenedWeights& opened, const std::string& key) {
  const FileTensor& tensor = *opened.find(key);
  std::vector<float> values(tensor.spec().shape.elements());
  convert(tensor.spec().dtype, tensor.bytes().data(), DType::F32, reinterpret_cast<std::byte*>(values.data()),
          values.size());
  return {values.begin(), values.end()};
}

// base + adapter in double, element by element, and how far float32 arithmetic may end from it.
struct ExactMerge {
  std::vector<double> values, bounds;
};

ExactMerge merge_in_double(const OpenedWeights& opened, const AdaptedName& name) {
  const auto columns = static_cast<size_t>(opened.find(name.base_key)->spec().shape[1]);
  const std::vector<double> left = stored(opened, name.is_embedding ? name.a_key : name.b_key);
  const std::vector<double> right = stored(opened, name.is_embedding ? name.b_key : name.a_key);
  const size_t rank = right.size() / columns;
  EXPECT_EQ(rank, 4u);
  ExactMerge exact{.values = stored(opened, name.base_key)};
  for (size_t i = 0; i < exact.values.size(); ++i) {
    double magnitude = std::abs(exact.values[i]);
    for (size_t k = 0; k < rank; ++k) {
      const double term = left[i / columns * rank + k] * right[k * columns + i % columns];
      exact.values[i] += term;
      magnitude += std::abs(term);
    }
    exact.bounds.push_back(static_cast<double>(rank + 3) * std::numeric_limits<float>::epsilon() * magnitude);
  }
  return exact;
}

void expect_same(const WeightStore& a, const WeightStore& b) {
  ASSERT_EQ(a.names(), b.names());
  EXPECT_EQ(a.bytes(), b.bytes());
  for (const std::string& name : a.names()) {
    ASSERT_EQ(a.find(name), b.find(name)) << name;
    EXPECT_EQ(std::memcmp(a.mapped(name).data, b.mapped(name).data, a.find(name)->bytes()), 0) << name;
  }
}

TEST(AvatarNames, TheTransformerHasEveryWeightOfItsSize) {
  const OpenedWeights opened = open_weights(kAvatar / "transformer");
  const NameMap map = next_dit_names(opened.keys(), "transformer");
  EXPECT_THAT(map.unknown, IsEmpty());
  EXPECT_THAT(map.ignored, testing::ElementsAre("norm_final.weight"));
  EXPECT_EQ(map.names.size(), 6 * 13 + 2 * 13 + 2 * 11 + 18u);  // spec/nextdit.md §2, without norm_final
  const WeightStore store = load(kAvatar / "transformer", next_dit_names);
  EXPECT_EQ(store.find("layers.5.attention.qkv.weight"), (TensorSpec{Shape{480, 288}, DType::BF16}));
}

TEST(AvatarNames, TheTextEncoderHasEveryWeight) {
  const WeightStore store = load(kAvatar / "text_encoder", gemma3_names);
  EXPECT_EQ(store.names().size(), 7 * 13 + 2u);
  EXPECT_EQ(store.find("embed_tokens.weight"), (TensorSpec{Shape{1536, 128}, DType::BF16}));
}

TEST(AvatarNames, TheAutoencoderHasEveryWeight) {
  const OpenedWeights opened = open_weights(kAvatar / "vae");
  const WeightStore store = load(kAvatar / "vae", flux_vae_names);
  EXPECT_EQ(store.names(), opened.keys());  // diffusers naming is the canonical one
  EXPECT_EQ(store.find("decoder.mid_block.attentions.0.to_q.weight")->shape, (Shape{128, 128}));
}

TEST(AvatarNames, TheMergedClipTextTowerIsTheSumOfItsParts) {
  const OpenedWeights opened = open_weights(kAvatar / "clip_model");
  const JinaClipNames names = jina_clip_names(opened.keys(), "clip_model");
  const WeightStore store = load_jina(kAvatar / "clip_model");
  EXPECT_EQ(names.adapted.size(), 2 + 4 * 4u);
  EXPECT_EQ(store.names().size(), opened.tensors.size() - 2 * names.adapted.size());
  bool saw_qkv = false;
  for (const AdaptedName& name : names.adapted) {
    saw_qkv = saw_qkv || name.canonical == "text_model.transformer.roberta.encoder.layers.0.mixer.Wqkv.weight";
    const ExactMerge exact = merge_in_double(opened, name);
    const std::vector<double> base = stored(opened, name.base_key);
    const std::vector<float> merged = read(store, name.canonical);
    double moved = 0;
    for (size_t i = 0; i < merged.size(); ++i) {
      moved += std::abs(exact.values[i] - base[i]);
      ASSERT_NEAR(merged[i], exact.values[i], exact.bounds[i]) << name.canonical << " element " << i;
    }
    EXPECT_GT(moved, 0) << name.canonical << ": an adapter of zeros would prove nothing";
  }
  EXPECT_TRUE(saw_qkv);
}

class AvatarComfy : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kComfy)) GTEST_SKIP() << "the ComfyUI files of the avatar model are not at hand";
  }
};

TEST_F(AvatarComfy, TheTransformerIsTheSame) {
  expect_same(load(kAvatar / "transformer", next_dit_names), load(kComfy / "diffusion_models", next_dit_names));
}

TEST_F(AvatarComfy, TheAutoencoderInLdmNamingIsTheSame) {
  expect_same(load(kAvatar / "vae", flux_vae_names), load(kComfy / "vae", flux_vae_names));
}

TEST_F(AvatarComfy, TheTextEncoderIsTheSameAndCarriesItsTokenizer) {
  const fs::path path = kComfy / "text_encoders/newbie_avatar_gemma3_bf16.safetensors";
  expect_same(load(kAvatar / "text_encoder", gemma3_names), load(path, gemma3_names));
  const OpenedWeights opened = open_weights(path);
  EXPECT_EQ(opened.find("spiece_model")->bytes().size(), fs::file_size(kAvatar / "text_encoder/tokenizer.model"));
}

TEST_F(AvatarComfy, TheMergedClipTextTowerDiffersByOneRounding) {
  const OpenedWeights opened = open_weights(kAvatar / "clip_model");
  const WeightStore ours = load_jina(kAvatar / "clip_model");
  const WeightStore theirs = load_jina(kComfy / "text_encoders/newbie_avatar_jina_clip_bf16.safetensors");
  std::vector<std::string> text;
  for (const std::string& name : ours.names())
    if (name.starts_with("text_model.")) text.push_back(name);
  ASSERT_EQ(theirs.names(), text);

  std::set<std::string> merged;
  for (const AdaptedName& name : jina_clip_names(opened.keys(), "clip_model").adapted) {
    merged.insert(name.canonical);
    const ExactMerge exact = merge_in_double(opened, name);
    const std::vector<float> values = read(theirs, name.canonical);
    ASSERT_EQ(values.size(), exact.values.size());
    for (size_t i = 0; i < values.size();
         ++i)  // bfloat16 has 8 significant bits: its rounding is at most 2^-8 of the value
      ASSERT_NEAR(values[i], exact.values[i], 0x1p-8 * std::abs(exact.values[i]) + (1 + 0x1p-8) * exact.bounds[i])
          << name.canonical << " element " << i;
  }
  for (const std::string& name : text)
    if (!merged.contains(name)) {
      EXPECT_EQ(read(ours, name), read(theirs, name)) << name;
    }
}

}  // namespace
}  // namespace newbie
