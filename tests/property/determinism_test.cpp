// The same request gives the same bytes: for any thread count, in any company, after any other request.
#include <gtest/gtest.h>

#include "generate/text_to_image.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

GenerateRequest request_of(const std::string& prompt, uint64_t seed) {
  GenerateRequest r;
  r.prompt = prompt;
  r.seed = seed;
  r.steps = 3;
  return r;
}

TextToImage open(int threads, PrecisionRequest precision) {
  return TextToImage::open({.folder = avatar_path()}, {.threads = threads, .precision = precision}, silent_log());
}

std::vector<Image> draw(TextToImage& engine, const GenerateRequest& request) {
  std::vector<Image> out;
  RunObserver progress;
  engine.generate(request, progress, {}, [&](GeneratedImage g) { out.push_back(std::move(g.image)); });
  return out;
}

class Determinism : public ::testing::TestWithParam<PrecisionRequest> {};

TEST_P(Determinism, AnyThreadCountGivesTheSameBytes) {
  const GenerateRequest request = request_of("1girl, purple_hair, glasses", 3);
  TextToImage one = open(1, GetParam());
  const Image want = draw(one, request).at(0);
  for (int threads : {2, 7}) {
    TextToImage engine = open(threads, GetParam());
    EXPECT_EQ(draw(engine, request).at(0), want) << threads << " threads";
  }
}

// How many evaluations a picture takes is decided by sums over its values.
TEST_P(Determinism, AToleranceAndHeldGuidanceAreMetTheSameWay) {
  GenerateRequest request = request_of("1girl, purple_hair, glasses", 3);
  request.tolerance = 0.3;
  request.cfg_hold = 0.2;
  std::vector<std::string> said;
  std::vector<Image> images;
  for (int threads : {1, 2, 7}) {
    TextToImage engine = open(threads, GetParam());
    RunObserver progress;
    engine.generate(request, progress, {}, [&](GeneratedImage g) {
      said.push_back(g.request_json);
      images.push_back(std::move(g.image));
    });
    EXPECT_EQ(images.back(), images.front()) << threads << " threads";
    EXPECT_EQ(said.back(), said.front()) << threads << " threads: evaluations and the estimate";
  }
  EXPECT_NE(said.front().find("\"estimated_distance\":"), std::string::npos);
  EXPECT_NE(said.front().find("\"evaluations\":"), std::string::npos);
}

TEST_P(Determinism, ABatchGivesThePicturesOfItsSeeds) {
  TextToImage engine = open(2, GetParam());
  GenerateRequest batch = request_of("<character_1><n>hana</n></character_1>", 40);
  batch.batch = 3;
  const std::vector<Image> together = draw(engine, batch);
  ASSERT_EQ(together.size(), 3u);
  for (uint64_t k = 0; k < 3; ++k)
    EXPECT_EQ(draw(engine, request_of(batch.prompt, 40 + k)).at(0), together[k]) << "seed " << 40 + k;
}

// Three prompts of different lengths drawn with one load, against each drawn by an engine of its own.
TEST_P(Determinism, PromptsOfDifferentLengthsDoNotTouchEachOther) {
  const std::string prompts[] = {"a", "1boy, red_hair, spiky_hair, tan, open_smile, green_background",
                                 text_case("long").jina_text};
  TextToImage shared = open(2, GetParam());
  for (const std::string& prompt : prompts) {
    TextToImage alone = open(2, GetParam());
    EXPECT_EQ(draw(shared, request_of(prompt, 7)), draw(alone, request_of(prompt, 7))) << prompt.substr(0, 40);
  }
}

TEST_P(Determinism, SlicesOfOneDrawBeginWithTheSinglePicture) {
  TextToImage engine = open(2, GetParam());
  GenerateRequest batch = request_of("a smiling boy", 5);
  batch.batch = 2;
  batch.batch_noise = BatchNoise::Slices;
  const std::vector<Image> slices = draw(engine, batch);
  EXPECT_EQ(slices.at(0), draw(engine, request_of("a smiling boy", 5)).at(0));
  EXPECT_NE(slices.at(1), draw(engine, request_of("a smiling boy", 6)).at(0));
}

INSTANTIATE_TEST_SUITE_P(Precisions, Determinism, ::testing::Values(PrecisionRequest::F32, PrecisionRequest::BF16),
                         [](const ::testing::TestParamInfo<PrecisionRequest>& row) {
                           return row.param == PrecisionRequest::F32 ? "f32" : "bf16";
                         });

}  // namespace
}  // namespace newbie::test
