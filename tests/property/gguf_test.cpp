// Models in GGUF and in int8: made of the embedded model by `convert`, they draw what the same numbers draw as
// safetensors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/float_formats.h"
#include "generate/convert_model.h"
#include "generate/inspect_model.h"
#include "generate/text_to_image.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

GenerateRequest small_request() {
  GenerateRequest request;
  request.prompt = "1girl, purple_hair, glasses";
  request.seed = 3;
  request.steps = 3;
  request.width = request.height = 64;
  return request;
}

struct Drawn {
  Image picture;
  GenerateResult result;
};
Drawn draw(const ModelPaths& paths, PrecisionRequest precision, size_t budget = 0) {
  TextToImage engine = TextToImage::open(
      paths, {.threads = 2, .memory_budget_bytes = budget, .precision = std::move(precision)}, silent_log());
  Drawn out;
  RunObserver progress;
  out.result =
      engine.generate(small_request(), progress, {}, [&](GeneratedImage g) { out.picture = std::move(g.image); });
  EXPECT_EQ(out.result.plan.allocated_peak_bytes(), out.result.allocated_peak_bytes);
  return out;
}

double psnr(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::pow(a.pixels[i] - b.pixels[i], 2);
  return sum == 0 ? INFINITY : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / sum);
}

ConversionForm gguf(const char* type) {
  ConversionForm form = ModelForm::Gguf;
  form.gguf_type = type;
  return form;
}

// Every weight of a part as f32 safetensors under canonical names: the same numbers, read without any blocks.
void write_as_f32(const WeightStore& store, const fs::path& to) {
  std::vector<StreamedTensor> tensors;
  for (const std::string& name : store.names())
    tensors.push_back({name, {store.find(name)->shape, DType::F32}, [&store, name](const auto& write) {
                         std::vector<std::byte> bytes(TensorSpec{store.find(name)->shape, DType::F32}.bytes());
                         store.read(name, DType::F32, bytes.data());
                         write(bytes);
                       }});
  stream_safetensors(to, tensors);
}

class Gguf : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    for (const char* type : {"bf16", "q8_0", "q4_0"})
      convert_model({.folder = avatar_path()}, *folder_ / type, gguf(type), silent_log());
    convert_model({.folder = avatar_path()}, *folder_ / "e", ModelForm::ComfyUi, silent_log());
  }
  static void TearDownTestSuite() { delete folder_; }
  static fs::path in(const std::string& name) { return *folder_ / name; }

 private:
  static inline TemporaryFolder* folder_ = nullptr;
};

// Nothing is rounded on the way, so names, norms (1 + w and back), configuration and tokenizer are right to the bit.
TEST_F(Gguf, InSixteenBitsDrawsTheSameBytes) {
  for (const PrecisionPreset preset : {PrecisionPreset::F32, PrecisionPreset::BF16})
    EXPECT_EQ(draw({.folder = in("bf16")}, preset).picture, draw({.folder = in("e")}, preset).picture);
}

TEST_F(Gguf, QuantisedDrawsWhatItsNumbersDraw) {
  for (const char* type : {"q8_0", "q4_0"}) {
    const ModelPaths paths = locate_model({.folder = in(type)}).paths;
    EXPECT_EQ(paths.transformer.extension(), ".gguf");
    EXPECT_EQ(paths.text_encoder.extension(), ".gguf");
    const Transformer dit = open_transformer(paths.transformer, silent_log());
    const TextEncoder gemma = open_text_encoder(paths.text_encoder, silent_log());
    const fs::path plain = in(std::string(type) + "-f32");
    fs::create_directories(plain / "dit");
    fs::create_directories(plain / "gemma");
    write_as_f32(dit.weights, plain / "dit/model.safetensors");
    write_as_f32(gemma.weights, plain / "gemma/model.safetensors");
    fs::copy(avatar_path() / "transformer/config.json", plain / "dit/config.json");
    for (const char* file : {"config.json", "tokenizer.model"})
      fs::copy(avatar_path() / "text_encoder" / file, plain / "gemma" / file);
    ModelPaths same = paths;
    same.transformer = plain / "dit";
    same.text_encoder = plain / "gemma";
    EXPECT_EQ(draw(paths, PrecisionRequest::F32).picture, draw(same, PrecisionRequest::F32).picture) << type;
  }
}

TEST_F(Gguf, EightBitsAreNearTheWeightsTheyCameFrom) {
  const Image want = draw({.folder = in("e")}, PrecisionRequest::F32).picture;
  EXPECT_GT(psnr(draw({.folder = in("q8_0")}, PrecisionRequest::F32).picture, want), 40);
  EXPECT_GT(psnr(draw({.folder = in("q4_0")}, PrecisionRequest::F32).picture, want), 18);
}

// What stays quantised in its file is prepared step by step: less memory, the same picture.
TEST_F(Gguf, StreamsBlocksWithinASmallBudget) {
  const ModelPaths paths{.folder = in("q4_0")};
  const Drawn roomy = draw(paths, PrecisionRequest::F32);
  EXPECT_TRUE(roomy.result.plan.streamed.empty());
  // Less than the transformer by itself takes: parts that are freed one after the other would not do.
  const size_t less = roomy.result.plan.peak_bytes() - (size_t{24} << 20);
  const Drawn tight = draw(paths, PrecisionRequest::F32, less);
  ASSERT_FALSE(tight.result.plan.streamed.empty());
  EXPECT_LE(tight.result.plan.peak_bytes(), less);
  EXPECT_EQ(tight.picture, roomy.picture);
  for (const StreamedPart& part : tight.result.plan.streamed)  // rows that are no whole blocks are bf16: half of f32
    EXPECT_LE(part.read_bytes, (part.weights_bytes - part.resident_bytes) / 2) << part.part;
}

TEST_F(Gguf, ReasonsNameTheStoredFormat) {
  TextToImage engine = TextToImage::open({.folder = in("q4_0")}, {.threads = 1}, silent_log());
  EXPECT_THAT(engine.precision_reasons(), ::testing::Contains(::testing::HasSubstr("transformer: stored as")).Times(1));
  EXPECT_THAT(engine.precision_reasons(), ::testing::Contains(::testing::HasSubstr("Q4_1")));
  for (const std::string& reason : engine.precision_reasons()) EXPECT_FALSE(reason.starts_with("vae:")) << reason;
}

TEST_F(Gguf, IsInspected) {
  const Inspection found = inspect(in("q4_0"), {.check_weights = true});
  EXPECT_TRUE(found.is_whole());
  ASSERT_EQ(found.parts.size(), 4U);
  EXPECT_GT(found.parts[0].dtypes.at("Q4_0").parameters, 0U);
  EXPECT_EQ(found.parts[1].config_origin, "keys of the file");
}

TEST_F(Gguf, GoesBackToSafetensorsInSixteenBits) {
  convert_model({.folder = in("q4_0")}, in("back"), ModelForm::Folder, silent_log());
  EXPECT_TRUE(fs::exists(in("back") / "text_encoder" / "tokenizer.model"));  // written from the file's vocabulary
  EXPECT_EQ(draw({.folder = in("back")}, PrecisionRequest::BF16).picture,
            draw({.folder = in("q4_0")}, PrecisionRequest::BF16).picture);
}

TEST_F(Gguf, TypesHaveNames) {
  EXPECT_ERROR(convert_model({.folder = avatar_path()}, in("x"), gguf("q4_k"), silent_log()), ErrorKind::InvalidRequest,
               "GGUF type 'q4_k': expected one of q4_0, q4_1, q5_0, q5_1, q8_0, f16, bf16");
}

// A row's numbers and its scale come back as they were when the kernels quantise the values again.
TEST_F(Gguf, Int8FilesDrawWhatInt8Draws) {
  ConversionForm form = ModelForm::Folder;
  form.int8 = true;
  convert_model({.folder = avatar_path()}, in("int8"), form, silent_log());
  const fs::path weights = "transformer/diffusion_pytorch_model.safetensors";
  EXPECT_LT(fs::file_size(in("int8") / weights), fs::file_size(avatar_path() / weights) * 2 / 3);
  EXPECT_EQ(draw({.folder = in("int8")}, PrecisionRequest::Int8).picture,
            draw({.folder = avatar_path()}, PrecisionRequest::Int8).picture);
}

}  // namespace
}  // namespace newbie::test
