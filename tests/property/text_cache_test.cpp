// The text cache: the same picture without the encoders, and damaged entries computed anew.
#include "generate/text_cache.h"

#include <gmock/gmock.h>

#include <fstream>

#include "generate/text_to_image.h"
#include "support/golden.h"
#include "unit/core/temporary_folder.h"

namespace newbie::test {
namespace {

class Warnings final : public Log {
 public:
  void write(LogLevel level, std::string_view text) override {
    if (level == LogLevel::Warning) seen.emplace_back(text);
  }
  std::vector<std::string> seen;
};

struct Drawn {
  std::vector<Image> images;
  GenerateResult result;
};

Drawn draw(const GenerateRequest& request, const std::filesystem::path& folder, PrecisionRequest precision, Log& log) {
  TextToImage engine =
      TextToImage::open({.folder = avatar_path()}, {.threads = 2, .precision = precision, .text_cache = folder}, log);
  Drawn out;
  RunObserver progress;
  out.result =
      engine.generate(request, progress, {}, [&](GeneratedImage g) { out.images.push_back(std::move(g.image)); });
  return out;
}

GenerateRequest request_of(const std::string& prompt) {
  GenerateRequest r;
  r.prompt = prompt;
  r.width = r.height = 64;
  r.steps = 1;
  return r;
}

size_t weights_in(const GenerateResult& result, const char* stage) {
  for (const StagePlan& s : result.plan.stages)
    if (s.name() == stage) return s.weights_bytes;
  return SIZE_MAX;
}

size_t entries(const std::filesystem::path& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) count += entry.is_regular_file() ? 1 : 0;
  return count;
}

TEST(TextCache, TheSecondRequestNeedsNoEncoder) {
  const TemporaryFolder folder;
  Warnings log;
  const auto path = folder.path() / "made" / "for it";
  const Drawn first = draw(request_of("1girl, red_hair"), path, PrecisionRequest::BF16, log);
  EXPECT_EQ(entries(path), 4u) << "features and pooled text of two prompts";
  const Drawn second = draw(request_of("1girl, red_hair"), path, PrecisionRequest::BF16, log);
  EXPECT_EQ(second.images, first.images);
  EXPECT_GT(weights_in(first.result, "gemma"), 0u);
  EXPECT_EQ(weights_in(second.result, "gemma"), 0u);
  EXPECT_EQ(weights_in(second.result, "jina"), 0u);
  for (const Drawn* drawn : {&first, &second})
    EXPECT_EQ(drawn->result.plan.allocated_peak_bytes(), drawn->result.allocated_peak_bytes);

  // The negative prompt is known, this prompt is not; another precision knows neither.
  draw(request_of("1girl, blue_hair"), path, PrecisionRequest::BF16, log);
  EXPECT_EQ(entries(path), 6u);
  draw(request_of("1girl, red_hair"), path, PrecisionRequest::F32, log);
  EXPECT_EQ(entries(path), 10u);
  EXPECT_THAT(log.seen, testing::IsEmpty());
}

TEST(TextCache, WeightsOfWordsAreOtherFeatures) {
  const TemporaryFolder folder;
  GenerateRequest request = request_of("(red hair:1.4), smile");
  request.weights = true;
  const Drawn first = draw(request, folder.path(), PrecisionRequest::F32, silent_log());
  EXPECT_EQ(draw(request, folder.path(), PrecisionRequest::F32, silent_log()).images, first.images);
  request.prompt = "(red hair:0.6), smile";
  const Drawn other = draw(request, folder.path(), PrecisionRequest::F32, silent_log());
  EXPECT_NE(other.images, first.images);
  EXPECT_EQ(other.result.plan.allocated_peak_bytes(), other.result.allocated_peak_bytes);
}

TEST(TextCache, DamagedEntriesAreComputedAnew) {
  const TemporaryFolder folder;
  const Drawn first = draw(request_of("a boy"), folder.path(), PrecisionRequest::F32, silent_log());
  int kind = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const auto size = std::filesystem::file_size(entry.path());
    if (kind == 0) std::filesystem::resize_file(entry.path(), 0);
    if (kind == 1) std::filesystem::resize_file(entry.path(), size - 4);
    if (kind >= 2) {  // another last number
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(size) - 1);
      file.put('\x41');
    }
    ++kind;
  }
  Warnings log;
  EXPECT_EQ(draw(request_of("a boy"), folder.path(), PrecisionRequest::F32, log).images, first.images);
  EXPECT_THAT(log.seen, testing::SizeIs(4));
  EXPECT_THAT(log.seen, testing::Each(testing::HasSubstr("computed anew")));
  log.seen.clear();
  EXPECT_EQ(draw(request_of("a boy"), folder.path(), PrecisionRequest::F32, log).images, first.images);
  EXPECT_THAT(log.seen, testing::IsEmpty()) << "they were written again";
}

TEST(TextCache, AFolderThatCannotBeIsRefused) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_THROW(TextCache(folder.path() / "file" / "folder", silent_log()), Error);
}

TEST(TextCache, AnothersEntryUnderThisNameIsToldAndComputedAnew) {
  const TemporaryFolder folder;
  Warnings log;
  TextCache cache(folder.path(), log);
  const std::vector<int32_t> blue{2, 5, 7}, pink{2, 5, 8};
  const TextCacheKey of_blue{"text_encoder", "model", "f32", blue, {}},
      of_pink{"text_encoder", "model", "f32", pink, {}};
  const std::vector<float> numbers{1, 2, 3};
  cache.keep(of_pink, numbers);
  EXPECT_EQ(cache.find(of_pink, 3), numbers);
  std::filesystem::rename(folder / (of_pink.hash() + ".safetensors"), folder / (of_blue.hash() + ".safetensors"));
  EXPECT_EQ(cache.find(of_blue, 3), std::nullopt);
  EXPECT_THAT(log.seen, ::testing::ElementsAre(::testing::HasSubstr("not those that were written for this prompt")));
}

}  // namespace
}  // namespace newbie::test
