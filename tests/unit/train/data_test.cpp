// Buckets, captions, folders and the order of samples: spec/training.md §2 and the cases of users.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "../core/expect_error.h"
#include "core/files.h"
#include "image/picture_format.h"
#include "train/batch_order.h"
#include "train/captions.h"
#include "train/dataset.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

struct Warnings final : Log {
  std::vector<std::string> told;
  void write(LogLevel, std::string_view text) override { told.emplace_back(text); }
};

// A folder of its own that goes with the test.
class TrainingData : public ::testing::Test {
 protected:
  TrainingData()
      : folder_(fs::temp_directory_path() / fmt::format("newbie_train_{}_{}",
                                                        ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                                                        ::getpid())) {
    fs::create_directories(folder_);
  }
  ~TrainingData() override { fs::remove_all(folder_); }

  void picture(const std::string& name, int width, int height, uint8_t colour = 90) {
    Image image{.width = width, .height = height, .pixels = {}};
    image.pixels.assign(pixel_bytes(width, height, 3), colour);
    fs::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, encode_picture(*format_of_name(name), image, {}, 90));
  }
  void text(const std::string& name, std::string_view words) {
    fs::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, words);
  }
  Dataset read(const BucketOptions& buckets = {.resolution = 128, .least = 64, .most = 256, .step = 16}) {
    return read_dataset({.folder = folder_, .buckets = buckets}, silent_log());
  }

  fs::path folder_;
};

std::vector<std::pair<int64_t, int64_t>> sizes(int64_t resolution) {
  std::vector<std::pair<int64_t, int64_t>> out;
  for (const PictureSize& s : bucket_sizes({.resolution = resolution}, 16)) out.emplace_back(s.width, s.height);
  return out;
}

}  // namespace

TEST(Buckets, AreTheSpecs) {
  using ::testing::ElementsAre;
  using P = std::pair<int64_t, int64_t>;
  EXPECT_THAT(sizes(512), ElementsAre(P(384, 640), P(384, 576), P(512, 512), P(576, 384), P(640, 384)));
  EXPECT_THAT(sizes(768), ElementsAre(P(576, 1024), P(640, 832), P(768, 768), P(832, 640), P(1024, 576)));
  EXPECT_THAT(sizes(1024), ElementsAre(P(768, 1344), P(832, 1152), P(1024, 1024), P(1152, 832), P(1344, 768)));
  EXPECT_THAT(sizes(1536), ElementsAre(P(1152, 2048), P(1280, 1728), P(1536, 1536), P(1728, 1280), P(2048, 1152)));
  EXPECT_EQ(bucket_sizes({.enabled = false, .resolution = 128}, 16).size(), 1U);
  EXPECT_ERROR(bucket_sizes({.resolution = 100}, 16), ErrorKind::InvalidRequest, "resolution 100");
  EXPECT_ERROR(bucket_sizes({.resolution = 512, .step = 24}, 16), ErrorKind::InvalidRequest, "bucket_step 24");
  EXPECT_ERROR(bucket_sizes({.resolution = 512, .least = 512, .most = 256}, 16), ErrorKind::InvalidRequest,
               "bucket_min 512");
}

TEST(Buckets, TheNearestShapeIsTaken) {
  const auto buckets = bucket_sizes({.resolution = 512}, 16);
  EXPECT_EQ(nearest_bucket(buckets, 100, 100), 2U);
  EXPECT_EQ(nearest_bucket(buckets, 1920, 1080), 4U);
  EXPECT_EQ(nearest_bucket(buckets, 1, 10000), 0U);
  const PictureSize wide = covering_size({512, 512}, 1000, 300), tall = covering_size({576, 384}, 100, 301);
  EXPECT_EQ(wide.width, 1706);
  EXPECT_EQ(wide.height, 512);
  EXPECT_EQ(tall.width, 576);
  EXPECT_EQ(tall.height, 1733);
}

TEST_F(TrainingData, CaptionsAreReadFromEveryForm) {
  for (const char* name : {"a.png", "b.png", "c.png", "d.png", "e.png", "f.png"}) picture(name, 20, 20);
  text("a.txt", "\xEF\xBB\xBF  one word \n");
  text("b.xml", "<character_1/>");
  text("c.caption", "caf\xE9");  // Latin-1
  text("d.json", R"({"caption": "from json"})");
  text("list.jsonl", "{\"file\": \"e.png\", \"xml\": \"from a row\"}\n\n");
  const Dataset d = read();
  ASSERT_EQ(d.examples.size(), 6U);
  const char* want[] = {"one word", "<character_1/>", "caf\xC3\xA9", "from json", "from a row", ""};
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(d.examples[i].caption, want[i]);
  EXPECT_THAT(d.without_caption, ::testing::ElementsAre("f.png"));
  text("list.jsonl", "{\"file\": \"e.png\"}\n");
  EXPECT_ERROR(read(), ErrorKind::BadFile, "line 1");
  text("list.jsonl", "");
  text("d.json", R"({"caption": 3})");
  EXPECT_ERROR(read(), ErrorKind::BadFile, "must be text");
}

// Latin-1 is what the official trainer falls back to; captions in GBK or Shift-JIS would be learnt as other letters.
TEST_F(TrainingData, CaptionsThatAreNotUtf8AreTold) {
  picture("a.png", 20, 20);
  picture("b.png", 20, 20, 2);
  text("a.txt", "\xC0\xB6\xB7\xA2");
  text("b.txt", "blue hair");
  Warnings warnings;
  read_dataset({.folder = folder_, .buckets = {.resolution = 128}}, warnings);
  EXPECT_THAT(warnings.told, ::testing::ElementsAre(::testing::HasSubstr("captions of 1 pictures are not UTF-8")));
}

TEST_F(TrainingData, LinksThatLeadBackAreNotFollowed) {
  picture("inner/a.png", 20, 20);
  picture("other/b.png", 20, 20, 2);
  fs::create_directory_symlink(".", folder_ / "here");
  fs::create_directory_symlink("..", folder_ / "inner" / "back");
  fs::create_directory_symlink("../other", folder_ / "inner" / "beside");
  EXPECT_EQ(read().examples.size(), 3U);  // b.png by two ways
}

TEST_F(TrainingData, FoldersRepeat) {
  picture("3_style/a.png", 20, 20, 1);
  picture("plain/b.png", 20, 20, 2);
  const Dataset d = read();
  EXPECT_EQ(d.samples(), 4);
  EXPECT_EQ(read({.enabled = false, .resolution = 128}).samples(), 2);  // as in the official trainer
  EXPECT_EQ(repeats_of("10_name"), 10);
  for (const char* name : {"name", "10", "_10", "x10_a", "0_a", "-3_a"}) EXPECT_EQ(repeats_of(name), 1) << name;
}

// Cases 35 and 36.
TEST_F(TrainingData, ABrokenPictureIsNamedAndLeftOut) {
  picture("a.png", 20, 20, 1);
  picture("a.jpg", 20, 20, 2);  // the same stem: its own picture
  picture("cut.png", 200, 200, 3);
  const std::string whole = read_file(folder_ / "cut.png", 1 << 20);
  text("cut.png", std::string_view(whole).substr(0, whole.size() / 2));
  text("notes.bmp", "no picture of ours");
  const Dataset d = read();
  EXPECT_EQ(d.examples.size(), 2U);
  ASSERT_EQ(d.broken.size(), 1U);
  EXPECT_EQ(d.broken[0].name, "cut.png");
  EXPECT_NE(d.examples[0].content, d.examples[1].content);
  EXPECT_ERROR(read_dataset({.folder = folder_, .strict = true}, silent_log()), ErrorKind::BadFile, "cut.png");
}

TEST_F(TrainingData, EqualPicturesAreTold) {
  picture("a.png", 20, 20, 7);
  picture("b/c.png", 20, 20, 7);
  ASSERT_EQ(read().equal.size(), 1U);
  EXPECT_THAT(read().equal[0], ::testing::ElementsAre("a.png", "b/c.png"));
}

TEST_F(TrainingData, AnEmptyFolderIsRefused) {
  EXPECT_ERROR(read(), ErrorKind::BadFile, "no picture");
  EXPECT_ERROR(read_dataset({.folder = folder_ / "nowhere"}, silent_log()), ErrorKind::BadFile, "nowhere");
}

// Case 42: an epoch is a function of the seed and its number; every sample is in it as often as it repeats.
TEST_F(TrainingData, OrdersAreFunctionsOfTheEpoch) {
  for (int i = 0; i < 5; ++i) picture(fmt::format("2_x/{}.png", i), 20, 20, static_cast<uint8_t>(i));
  for (int i = 0; i < 4; ++i) picture(fmt::format("wide/{}.png", i), 40, 20, static_cast<uint8_t>(100 + i));
  const Dataset d = read();
  for (int64_t epoch : {0, 1, 2}) {
    const auto batches = epoch_batches(d, 3, 42, epoch);
    EXPECT_EQ(batches, epoch_batches(d, 3, 42, epoch));
    EXPECT_EQ(batches.size(), 4U + 2U);
    std::map<size_t, int64_t> seen;
    for (const BatchIndices& b : batches)
      for (const size_t i : b) {
        ++seen[i];
        EXPECT_EQ(d.examples[i].bucket, d.examples[b.front()].bucket);
      }
    for (size_t i = 0; i < d.examples.size(); ++i) EXPECT_EQ(seen[i], d.examples[i].repeats);
  }
  EXPECT_NE(epoch_batches(d, 3, 42, 1), epoch_batches(d, 3, 42, 2));
  EXPECT_NE(epoch_batches(d, 3, 42, 1), epoch_batches(d, 3, 43, 1));
  const auto area = [&](const BatchIndices& b) {
    const PictureSize s = d.buckets[d.examples[b.front()].bucket];
    return s.width * s.height;
  };
  const auto first = epoch_batches(d, 3, 42, 0);
  for (size_t i = 1; i < first.size(); ++i) EXPECT_GE(area(first[i - 1]), area(first[i]));
}

TEST_F(TrainingData, PicturesCoverTheirBucket) {
  picture("a.png", 300, 100);
  const Dataset d = read();
  const PictureSize s = d.buckets[d.examples[0].bucket];
  const Image image = trained_picture(d.examples[0], s);
  EXPECT_EQ(image.width, s.width);
  EXPECT_EQ(image.height, s.height);
  EXPECT_THAT(image.pixels, ::testing::Each(90));
}

}  // namespace newbie::test
