// Previews show what the picture is going to be, and change nothing.
#include <gmock/gmock.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "diffusion/registry.h"
#include "generate/latent_preview.h"
#include "generate/text_to_image.h"
#include "support/golden.h"
#include "unit/core/temporary_folder.h"

namespace newbie::test {
namespace {

struct Recorder final : RunObserver {
  std::vector<Image> images;
  std::vector<int> steps;
  void on_preview(const RunPlace&, const Preview& preview) override {
    images.push_back(preview.image);
    steps.push_back(preview.step);
  }
};

struct Drawn {
  std::vector<Image> pictures, previews;
  std::vector<int> steps;
};

GenerateRequest request(int every, PreviewMethod method) {
  GenerateRequest r;
  r.prompt = "1girl, blue_hair, smile";
  r.width = r.height = 64;
  r.steps = 8;
  r.preview_every = every;
  r.preview_method = method;
  return r;
}

Drawn draw(const GenerateRequest& r) {
  TextToImage engine =
      TextToImage::open({.folder = avatar_path()}, {.threads = 2, .precision = PrecisionRequest::F32}, silent_log());
  Drawn out;
  Recorder recorder;
  engine.generate(r, recorder, {}, [&](GeneratedImage g) { out.pictures.push_back(std::move(g.image)); });
  out.previews = std::move(recorder.images);
  out.steps = std::move(recorder.steps);
  return out;
}

double rms(const Image& a, const Image& b) {
  EXPECT_EQ(a.pixels.size(), b.pixels.size());
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::pow(double{1} * a.pixels[i] - b.pixels[i], 2);
  return std::sqrt(sum / static_cast<double>(a.pixels.size()));
}

TEST(Preview, ChangesNoByteOfAnySampler) {
  for (const Sampler* sampler : samplers()) {
    GenerateRequest plain = request(0, PreviewMethod::Linear);
    plain.sampler = sampler->name;
    plain.steps = 4;
    const Drawn want = draw(plain);
    EXPECT_THAT(want.previews, testing::IsEmpty());
    for (const PreviewMethod method : {PreviewMethod::Linear, PreviewMethod::Decode}) {
      GenerateRequest r = plain;
      r.preview_every = 1;
      r.preview_method = method;
      const Drawn got = draw(r);
      EXPECT_EQ(got.pictures, want.pictures) << sampler->name;
      EXPECT_THAT(got.previews, testing::Not(testing::IsEmpty())) << sampler->name;
    }
  }
}

TEST(Preview, ChangesNoByteOfMasksBatchesAndHires) {
  for (const bool hires : {false, true}) {
    GenerateRequest r = request(0, PreviewMethod::Decode);
    r.steps = 4;
    r.batch = 2;
    r.init_image = Image{.width = 64, .height = 64, .channels = 3, .pixels = std::vector<uint8_t>(64 * 64 * 3, 90)};
    if (hires)
      r.hires_scale = 1.5;
    else
      r.mask = Image{.width = 64, .height = 64, .channels = 3, .pixels = std::vector<uint8_t>(64 * 64 * 3, 255)};
    const Drawn want = draw(r);
    r.preview_every = 1;
    EXPECT_EQ(draw(r).pictures, want.pictures);
    r.preview_method = PreviewMethod::Linear;
    EXPECT_EQ(draw(r).pictures, want.pictures);
  }
}

TEST(Preview, ComesEveryKStepsButNotAfterTheLast) {
  EXPECT_THAT(draw(request(1, PreviewMethod::Linear)).steps, testing::ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(draw(request(4, PreviewMethod::Linear)).steps, testing::ElementsAre(4));
  EXPECT_THAT(draw(request(3, PreviewMethod::Decode)).steps, testing::ElementsAre(3, 6));
}

// A preview of the noisy latent would be nearly pure noise at first.
TEST(Preview, ShowsTheCleanPictureThatIsExpected) {
  for (const PreviewMethod method : {PreviewMethod::Linear, PreviewMethod::Decode}) {
    const Drawn drawn = draw(request(1, method));
    ASSERT_EQ(drawn.previews.size(), 7u);
    const double first = rms(drawn.previews.front(), drawn.pictures[0]);
    const double last = rms(drawn.previews.back(), drawn.pictures[0]);
    EXPECT_LT(last, first / 2);
  }
}

TEST(Preview, TheSolverFindsTheMatrixThatMadeTheColours) {
  constexpr size_t kChannels = 5, kRows = 400;
  std::vector<float> latents, colours;
  uint32_t state = 1;
  const auto random = [&] {
    state = state * 1664525 + 1013904223;
    return static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1;
  };
  std::array<std::array<float, 3>, kChannels + 1> truth;
  for (auto& row : truth)
    for (float& v : row) v = random();
  for (size_t i = 0; i < kRows; ++i) {
    std::array<float, 3> colour = truth[kChannels];
    for (size_t k = 0; k < kChannels; ++k) {
      latents.push_back(random());
      for (size_t c = 0; c < 3; ++c) colour[c] += latents.back() * truth[k][c];
    }
    colours.insert(colours.end(), colour.begin(), colour.end());
  }
  const PreviewFactors found = solve_preview(latents, colours, kChannels);
  // Colours are rounded to f32 after 6 additions; the solution averages 400 of them.
  for (size_t k = 0; k < kChannels; ++k)
    for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(found.matrix[k][c], truth[k][c], 6 * 6 * 0x1p-24);
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(found.bias[c], truth[kChannels][c], 6 * 6 * 0x1p-24);
  EXPECT_LT(found.rms_error, 6 * 6 * 0x1p-24);

  std::fill(latents.begin(), latents.end(), 0.5f);
  EXPECT_THROW(solve_preview(latents, colours, kChannels), Error);
}

TEST(Preview, FactorsAreReadBackAndDamagedOnesAreRefused) {
  Vae vae = open_vae(avatar_path() / "vae", silent_log());
  const std::optional<PreviewFactors> stored = read_preview_factors(vae);
  ASSERT_TRUE(stored);
  const TemporaryFolder folder;
  vae.path = folder.path();
  EXPECT_FALSE(read_preview_factors(vae));
  write_file_atomically(folder / "latent_preview.json", preview_factors_json(*stored));
  const PreviewFactors again = *read_preview_factors(vae);
  EXPECT_EQ(again.matrix, stored->matrix);
  EXPECT_EQ(again.bias, stored->bias);
  for (const char* broken :
       {"", "[]", "{}", R"({"format": 2})", R"({"format": 1, "matrix": [], "bias": [0, 0, 0]})",
        R"({"format": 1, "matrix": [[1, 2]], "bias": [0, 0, 0]})", R"({"format": 1, "matrix": 3, "bias": []})"}) {
    write_file_atomically(folder / "latent_preview.json", std::string_view(broken));
    try {
      read_preview_factors(vae);
      FAIL() << broken;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::BadFile);
      EXPECT_THAT(e.message(), testing::HasSubstr("latent_preview.json"));
    }
  }
  vae.path = folder / "ae.safetensors";
  EXPECT_EQ(preview_factors_path(vae.path), folder / "ae.latent_preview.json");
}

}  // namespace
}  // namespace newbie::test
