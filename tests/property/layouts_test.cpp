// Every layout of docs/files.md draws: made from the embedded model in a temporary folder, by renaming (A, D, F) and by
// `convert` (E, and B from E). Prints the table layouts x (loads, same bytes).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "core/files.h"
#include "core/float_formats.h"
#include "generate/convert_model.h"
#include "generate/text_to_image.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kAll = fs::copy_options::recursive;

Image draw(const ModelPaths& paths) {
  TextToImage engine = TextToImage::open(paths, {.threads = 2, .precision = PrecisionRequest::BF16}, silent_log());
  GenerateRequest request;
  request.prompt = "1girl, purple_hair, glasses";
  request.seed = 3;
  request.steps = 4;
  Image picture;
  RunObserver progress;
  engine.generate(request, progress, {}, [&](GeneratedImage g) { picture = std::move(g.image); });
  return picture;
}

double psnr(const Image& a, const Image& b) {
  EXPECT_EQ(a.pixels.size(), b.pixels.size());
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::pow(a.pixels[i] - b.pixels[i], 2);
  return sum == 0 ? INFINITY : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / sum);
}

std::string text_of(const fs::path& path) { return read_file(path, size_t{64} << 20); }

// Copies a weight file, giving each tensor the names and row ranges `rename` says.
struct Slice {
  std::string name;
  int64_t first_row = 0, rows = -1;  // -1: the tensor as it is
};
void rewrite(const fs::path& from, const fs::path& to,
             const std::function<std::vector<Slice>(const std::string&)>& rename,
             const std::map<std::string, std::string>& metadata = {}) {
  fs::create_directories(to.parent_path());
  const OpenedWeights files = open_weights(from);
  std::vector<NamedTensor> tensors;
  for (const FileTensor& tensor : files.tensors)
    for (const Slice& slice : rename(tensor.key())) {
      TensorSpec spec = tensor.spec();
      const std::byte* data = tensor.bytes().data();
      if (slice.rows >= 0) {
        data += static_cast<size_t>(slice.first_row * spec.shape[1]) * size_of(spec.dtype);
        spec.shape = Shape{slice.rows, spec.shape[1]};
      }
      tensors.push_back({slice.name, {spec, data}});
    }
  write_safetensors(to, tensors, metadata);
}

std::vector<Slice> same(const std::string& key) { return {{key}}; }

// The avatar's native names as diffusers' Lumina2 ones: written out again, apart from the engine's table.
std::vector<Slice> diffusers_names(const std::string& key) {
  const auto starts = [&](const char* text) { return key.rfind(text, 0) == 0; };
  const auto tail = [&](size_t n) { return key.substr(n); };
  if (key == "norm_final.weight") return {};
  if (starts("t_embedder.mlp.0.")) return {{"time_caption_embed.timestep_embedder.linear_1." + tail(17)}};
  if (starts("t_embedder.mlp.2.")) return {{"time_caption_embed.timestep_embedder.linear_2." + tail(17)}};
  if (starts("cap_embedder.")) return {{"time_caption_embed.caption_embedder." + tail(13)}};
  if (starts("final_layer.adaLN_modulation.1.")) return {{"norm_out.linear_1." + tail(31)}};
  if (starts("final_layer.linear.")) return {{"norm_out.linear_2." + tail(19)}};
  const size_t dot = key.find('.'), next = dot == std::string::npos ? dot : key.find('.', dot + 1);
  const bool context = starts("context_refiner.");
  if (!context && !starts("layers.") && !starts("noise_refiner.")) return {{key}};
  const std::string block = key.substr(0, next + 1), rest = key.substr(next + 1);
  const int64_t q = 288, k = 96;  // the avatar: 6 and 2 heads of 48
  if (rest == "attention.qkv.weight")
    return {
        {block + "attn.to_q.weight", 0, q}, {block + "attn.to_k.weight", q, k}, {block + "attn.to_v.weight", q + k, k}};
  const std::map<std::string, std::string> names = {
      {"attention.out.weight", "attn.to_out.0.weight"},
      {"attention.q_norm.weight", "attn.norm_q.weight"},
      {"attention.k_norm.weight", "attn.norm_k.weight"},
      {"feed_forward.w1.weight", "feed_forward.linear_1.weight"},
      {"feed_forward.w2.weight", "feed_forward.linear_2.weight"},
      {"feed_forward.w3.weight", "feed_forward.linear_3.weight"},
      {"adaLN_modulation.1.weight", "norm1.linear.weight"},
      {"adaLN_modulation.1.bias", "norm1.linear.bias"},
      {"attention_norm1.weight", context ? "norm1.weight" : "norm1.norm.weight"},
      {"attention_norm2.weight", "norm2.weight"}};
  const auto found = names.find(rest);
  return {{block + (found == names.end() ? rest : found->second)}};
}

class Layouts : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    original_ = new Image(draw({.folder = avatar_path()}));
    convert_model({.folder = avatar_path()}, *folder_ / "e", ModelForm::ComfyUi, silent_log());
    comfy_ = new Image(draw({.folder = *folder_ / "e"}));
    std::printf("[ layout ] %-42s %-6s %s\n", "", "loads", "picture");
  }
  static void TearDownTestSuite() {
    delete folder_;
    delete original_;
    delete comfy_;
  }

  // Draws, and prints a row of the table.
  static void expect(const char* layout, const ModelPaths& paths, const Image& want, const char* as) {
    Image got;
    ASSERT_NO_THROW(got = draw(paths)) << layout;
    EXPECT_EQ(got, want) << layout;
    std::printf("[ layout ] %-42s %-6s %s %s\n", layout, "yes", got == want ? "same bytes as" : "UNLIKE", as);
  }

  static fs::path in(const char* name) { return *folder_ / name; }
  static const Image& original() { return *original_; }
  static const Image& comfy() { return *comfy_; }

 private:
  static inline TemporaryFolder* folder_ = nullptr;
  static inline Image* original_ = nullptr;
  static inline Image* comfy_ = nullptr;
};

TEST_F(Layouts, ComfyUiFilesAreCloseToTheOriginal) {
  const double db = psnr(comfy(), original());
  EXPECT_GE(db, 30);
  EXPECT_NE(comfy(), original()) << "a merge that changes nothing would prove nothing";
  std::printf("[ layout ] %-42s %-6s PSNR %.1f dB to B\n", "E: ComfyUI models folder", "yes", db);
}

TEST_F(Layouts, AsUploadedWithoutIndexAndConfigurations) {
  const fs::path a = in("a");
  rewrite(in("e/diffusion_models"), a / "transformer/diffusion_pytorch_model.safetensors", same,
          {{"config", text_of(avatar_path() / "transformer/config.json")}});
  rewrite(avatar_path() / "vae", a / "vae/diffusion_pytorch_model.safetensors", same,
          {{"config", text_of(avatar_path() / "vae/config.json")}});
  fs::create_directories(a / "text_encoder");
  fs::create_directories(a / "clip_model");
  fs::copy(in("e/text_encoders/newbie_gemma3.safetensors"), a / "text_encoder/gemma3-4b-it.safetensors");
  fs::copy(in("e/text_encoders/newbie_jina_clip.safetensors"), a / "clip_model/jina-clip-v2.safetensors");
  EXPECT_EQ(locate_model({.folder = a}).layout, "repository as uploaded");
  expect("A: repository as uploaded", {.folder = a}, comfy(), "E");
}

TEST_F(Layouts, NodeConverter) {
  const fs::path d = in("d/newbie");
  rewrite(avatar_path() / "transformer", d / "newbie_dit.safetensors", same);
  Json config = parse_json(text_of(avatar_path() / "transformer/config.json"), "config");
  config["model_type"] = "newbie_dit";
  std::ofstream(d / "config.json") << config.dump();
  std::ofstream(d / "newbie_dit.safetensors.index.json")
      << R"({"weight_map":{"x_embedder.weight":"newbie_dit.safetensors"}})";
  expect("D: node converter's transformer", {.folder = avatar_path(), .transformer = d}, original(), "B");
}

TEST_F(Layouts, Diffusers) {
  const fs::path f = in("f"), b = avatar_path();
  rewrite(b / "transformer", f / "transformer/diffusion_pytorch_model.safetensors", diffusers_names);
  std::ofstream(f / "transformer/config.json")
      << R"({"_class_name":"Lumina2Transformer2DModel","axes_dim_rope":[16,16,16],"patch_size":2,"norm_eps":1e-05})";
  fs::copy(b / "vae", f / "vae", kAll);
  const struct {
    const char *from, *model, *tokenizer;
  } encoders[] = {{"text_encoder", "text_encoder", "tokenizer"}, {"clip_model", "text_encoder_2", "tokenizer_2"}};
  for (const auto& encoder : encoders) {
    fs::create_directories(f / encoder.model);
    fs::create_directories(f / encoder.tokenizer);
    for (const fs::directory_entry& file : fs::directory_iterator(b / encoder.from)) {
      const std::string name = file.path().filename().string();
      const bool model = name == "config.json" || name == "model.safetensors";
      fs::copy(file.path(), f / (model ? encoder.model : encoder.tokenizer) / name);
    }
  }
  EXPECT_EQ(locate_model({.folder = f}).layout, "diffusers (Lumina2 names)");
  expect("F: diffusers' Lumina2 names", {.folder = f}, original(), "B");
  // Which of the encoders is Gemma is found by the keys.
  for (const char* kind : {"text_encoder", "tokenizer"}) {
    fs::rename(f / kind, f / "x");
    fs::rename(f / (std::string(kind) + "_2"), f / kind);
    fs::rename(f / "x", f / (std::string(kind) + "_2"));
  }
  expect("F: with its text encoders exchanged", {.folder = f}, original(), "B");
}

TEST_F(Layouts, ComfyUiTreeWithOtherFiles) {
  const fs::path root = in("comfy");
  fs::create_directories(root / "models/unet/sorted");
  fs::create_directories(root / "models/clip");
  fs::create_directories(root / "models/vae");
  fs::copy(in("e/diffusion_models/newbie_image.safetensors"), root / "models/unet/sorted/NewBie-bf16.safetensors");
  fs::copy(in("e/text_encoders/newbie_gemma3.safetensors"), root / "models/clip/z.safetensors");
  fs::copy(in("e/text_encoders/newbie_jina_clip.safetensors"), root / "models/clip/a.safetensors");
  fs::copy(in("e/vae/newbie_ae.safetensors"), root / "models/vae/ae.safetensors");
  fs::copy(in("e/vae/newbie_ae.safetensors"), root / "models/vae/other.safetensors");
  const std::vector<float> none(4 * 4 * 3 * 3);
  write_safetensors(
      root / "models/vae/sdxl.safetensors",
      std::vector<NamedTensor>{
          {"decoder.conv_in.weight", {{{4, 4, 3, 3}, DType::F32}, reinterpret_cast<const std::byte*>(none.data())}}});
  std::ofstream(root / "models/unet/broken.safetensors") << "no";
  expect("E: ComfyUI tree among other files", {.folder = root}, comfy(), "E");
  expect("E: single files, encoders exchanged",
         {.transformer = root / "models/unet/sorted/NewBie-bf16.safetensors",
          .text_encoder = root / "models/clip/a.safetensors",
          .clip_model = root / "models/clip/z.safetensors",
          .vae = root / "models/vae/ae.safetensors"},
         comfy(), "E");
  fs::remove(root / "models/vae/ae.safetensors");
  fs::copy(in("e/vae/newbie_ae.safetensors"), root / "models/vae/third.safetensors");
  EXPECT_ERROR(locate_model({.folder = root}), ErrorKind::BadFile, "expected one file that is an autoencoder");
  fs::remove(root / "models/vae/other.safetensors");
  fs::remove(root / "models/vae/third.safetensors");
  EXPECT_ERROR(locate_model({.folder = root}), ErrorKind::BadFile, "XL (4 latent channels)");
}

TEST_F(Layouts, ThereAndBackIsExactButForTheAdapter) {
  const fs::path back = in("back");
  const Conversion done = convert_model({.folder = in("e")}, back, ModelForm::Folder, silent_log());
  EXPECT_THAT(done.notes, ::testing::ElementsAre(::testing::HasSubstr("merged")));
  expect("B: converted back from E", {.folder = back}, comfy(), "E");
  for (const char* part : {"transformer", "text_encoder", "vae"}) {
    const OpenedWeights want = open_weights(avatar_path() / part), got = open_weights(back / part);
    ASSERT_EQ(got.keys(), want.keys()) << part;
    for (size_t i = 0; i < want.tensors.size(); ++i) {
      ASSERT_EQ(got.tensors[i].spec(), want.tensors[i].spec()) << want.tensors[i].key();
      EXPECT_EQ(
          std::memcmp(got.tensors[i].bytes().data(), want.tensors[i].bytes().data(), want.tensors[i].bytes().size()), 0)
          << want.tensors[i].key();
    }
    EXPECT_EQ(text_of(back / part / "config.json"), text_of(avatar_path() / part / "config.json"));
  }
  EXPECT_EQ(text_of(back / "vae/latent_preview.json"), text_of(avatar_path() / "vae/latent_preview.json"));
  convert_model({.folder = avatar_path()}, in("copy"), ModelForm::Folder, silent_log());
  expect("B: converted from B", {.folder = in("copy")}, original(), "B");
  EXPECT_ERROR(convert_model({.folder = avatar_path()}, in("copy"), ModelForm::Folder, silent_log()),
               ErrorKind::InvalidRequest, "there is such a file already");
}

// 8-bit weights are the numbers they stand for: as bf16 they draw the same picture.
TEST_F(Layouts, EightBitWeightsAreExact) {
  const auto encode = [](bool narrow, const fs::path& to) {
    const OpenedWeights files = open_weights(avatar_path() / "transformer");
    std::vector<std::vector<std::byte>> kept;
    std::vector<NamedTensor> tensors;
    const float scale = 0.0078125F;
    for (const FileTensor& tensor : files.tensors) {
      const TensorSpec spec = tensor.spec();
      const size_t count = spec.shape.elements();
      if (!tensor.key().ends_with("qkv.weight")) {
        tensors.push_back({tensor.key(), {spec, tensor.bytes().data()}});
        continue;
      }
      std::vector<float> values(count);
      convert(spec.dtype, tensor.bytes().data(), DType::F32, reinterpret_cast<std::byte*>(values.data()), count);
      for (float& v : values) v = round_to(DType::F8E4M3, v / scale) * (narrow ? 1 : scale);
      const DType dtype = narrow ? DType::F8E4M3 : DType::F32;
      kept.emplace_back(count * size_of(dtype));
      convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), dtype, kept.back().data(), count);
      tensors.push_back({tensor.key(), {{spec.shape, dtype}, kept.back().data()}});
      if (narrow)
        tensors.push_back({tensor.key().substr(0, tensor.key().size() - 6) + "scale_weight",
                           {{Shape{}, DType::F32}, reinterpret_cast<const std::byte*>(&scale)}});
    }
    if (narrow) tensors.push_back({"scaled_fp8", {{Shape{0}, DType::F8E4M3}, nullptr}});
    fs::create_directories(to);
    write_safetensors(to / "model.safetensors", tensors);
    fs::copy(avatar_path() / "transformer/config.json", to / "config.json");
  };
  encode(true, in("f8"));
  encode(false, in("f32"));
  expect("scaled F8_E4M3 transformer", {.folder = avatar_path(), .transformer = in("f8")},
         draw({.folder = avatar_path(), .transformer = in("f32")}), "the same numbers in f32");
}

TEST_F(Layouts, SaysWhatAWrongFileLooksLike) {
  const auto with = [](fs::path ModelPaths::*part, const char* other) {
    ModelPaths paths{.folder = avatar_path()};
    paths.*part = avatar_path() / other;
    return paths;
  };
  EXPECT_ERROR(draw(with(&ModelPaths::transformer, "vae")), ErrorKind::BadFile, "expected NewBie-image's transformer");
  EXPECT_ERROR(draw(with(&ModelPaths::clip_model, "text_encoder")), ErrorKind::BadFile,
               "looks like the text encoder Gemma");
  EXPECT_ERROR(draw(with(&ModelPaths::vae, "clip_model")), ErrorKind::BadFile, "looks like the text encoder Jina");
}

}  // namespace
}  // namespace newbie::test
