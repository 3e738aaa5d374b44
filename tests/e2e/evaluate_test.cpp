// newbie evaluate: folders in, numbers out.
#include <gmock/gmock.h>

#include <algorithm>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kAvatars = fs::path(NEWBIE_SOURCE_DIR) / "tests/data/avatar_val";

std::vector<fs::path> avatar_files() {
  std::vector<fs::path> files;
  for (const fs::path& file : fs::directory_iterator(kAvatars))
    if (file.extension() == ".png") files.push_back(file);
  std::ranges::sort(files);
  return files;
}

// A folder with `count` avatars from number `first` on.
void copy_avatars(const fs::path& folder, size_t first, size_t count) {
  fs::create_directories(folder);
  const std::vector<fs::path> files = avatar_files();
  for (size_t i = first; i < first + count; ++i) fs::copy_file(files.at(i), folder / files.at(i).filename());
}

Json json_of(std::vector<std::string> words) {
  words.insert(words.begin(), "evaluate");
  words.insert(words.end(), {"--json", "-q"});
  const Outcome o = run(words);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return parse_json(o.out, "the report");
}

TEST(Evaluate, DistancesCarryTheirExtractorAndN) {
  const TemporaryFolder folder;
  copy_avatars(folder / "a", 0, 20);
  copy_avatars(folder / "b", 20, 30);
  const std::string a = folder / "a", b = folder / "b";
  for (const char* metric : {"fid", "kid"}) {
    const Json one = json_of({metric, a, b, "--bootstrap", "20", "-t", "1"});
    EXPECT_EQ(one.at("metric"), std::string(metric) + "[jina-clip]");
    EXPECT_EQ(one.at("n_a"), 20);
    EXPECT_EQ(one.at("n_b"), 30);
    EXPECT_EQ(one.at("dimension"), 128);
    EXPECT_EQ(one.at("split_half").at("rows"), 15);
    EXPECT_LE(one.at("interval")[0].get<double>(), one.at("value").get<double>());
    EXPECT_GE(one.at("interval")[1].get<double>(), one.at("value").get<double>());
    EXPECT_EQ(one, json_of({metric, a, b, "--bootstrap", "20", "-t", "3"}));
    const Outcome words = run({"evaluate", metric, a, b, "--bootstrap", "0"});
    EXPECT_EQ(words.exit_code, 0);
    EXPECT_THAT(words.out, HasSubstr("N = 20 and 30"));
    EXPECT_THAT(words.out, HasSubstr("split-half"));
    EXPECT_THAT(words.out, HasSubstr("no interval"));
    copy_avatars(folder / metric, 0, 19);
    const Json few = json_of({metric, folder / metric, b, "--bootstrap", "20", "-t", "1"});
    EXPECT_TRUE(few.at("interval").is_null());
    EXPECT_TRUE(few.at("detectable").is_null());
    const bool is_kid = metric == std::string_view("kid");
    EXPECT_EQ(one.contains("p_value"), is_kid);
    EXPECT_EQ(one.contains("extrapolated"), !is_kid);
    if (metric == std::string_view("fid")) {
      EXPECT_THAT(words.err, HasSubstr("singular"));
    }
  }
}

TEST(Evaluate, ASetIsAtNoDistanceFromItself) {
  const TemporaryFolder folder;
  copy_avatars(folder / "a", 0, 12);
  const std::string a = folder / "a";
  EXPECT_NEAR(json_of({"fid", a, a, "--bootstrap", "0"}).at("value").get<double>(), 0, 1e-6);
}

TEST(Evaluate, WhichOfTwoSetsIsNearer) {
  const TemporaryFolder folder;
  copy_avatars(folder / "a", 0, 20);
  copy_avatars(folder / "b", 20, 24);
  // The same names in another order of pictures, and one more that has no counterpart.
  fs::create_directory(folder / "c");
  const std::vector<fs::path> files = avatar_files();
  for (size_t i = 0; i < 20; ++i) fs::copy_file(files.at(44 + i), folder / "c" / files.at(i).filename());
  fs::copy_file(files.at(20), folder / "c" / "alone.png");
  const std::string a = folder / "a", b = folder / "b", c = folder / "c";
  const auto value_of = [&](const char* metric, const std::string& of) {
    return json_of({metric, of, b, "--bootstrap", "0"}).at("value").get<double>();
  };
  for (const char* metric : {"fid", "kid"}) {
    const Json json = json_of({metric, a, b, "--beside", c, "--bootstrap", "20"});
    const Json less = json.at("paired_difference");
    EXPECT_EQ(json.at("beside").at("n"), 21);
    EXPECT_EQ(less.at("n"), 20);
    EXPECT_LE(less.at("interval")[0].get<double>(), less.at("value").get<double>());
    EXPECT_GE(less.at("interval")[1].get<double>(), less.at("value").get<double>());
    const Json itself = json_of({metric, a, b, "--beside", a, "--bootstrap", "20"}).at("paired_difference");
    EXPECT_EQ(itself.at("value"), 0.0);
    EXPECT_EQ(itself.at("excludes_zero"), false);
    fs::rename(folder / "c" / "alone.png", folder / "alone.png");
    EXPECT_NEAR(less.at("value").get<double>(), value_of(metric, a) - value_of(metric, c), 1e-6);
    fs::rename(folder / "alone.png", folder / "c" / "alone.png");
  }
  const Outcome words = run({"evaluate", "kid", a, b, "--beside", c});
  EXPECT_THAT(words.out, HasSubstr("N = 20 pairs"));
  EXPECT_THAT(words.err, HasSubstr("1 pictures have no counterpart"));
}

TEST(Evaluate, ClipScoreOfTwoFolders) {
  const TemporaryFolder folder;
  copy_avatars(folder / "a", 0, 10);
  copy_avatars(folder / "b", 0, 8);
  const Json json = json_of(
      {"clip-score", folder / "a", folder / "b", "--captions", kAvatars / "captions.jsonl", "--caption-key", "tags"});
  EXPECT_EQ(json.at("metric"), "clip-score[jina-clip]");
  EXPECT_EQ(json.at("a").at("score").at("cosine").at("n"), 10);
  EXPECT_EQ(json.at("paired_difference").at("n"), 8);
  EXPECT_EQ(json.at("paired_difference").at("mean"), 0.0);
  EXPECT_EQ(json.at("paired_difference").at("excludes_zero"), false);
  const Outcome none = run({"evaluate", "clip-score", folder / "a"});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.err, HasSubstr("no picture has a caption"));
}

TEST(Evaluate, PairsOfPictures) {
  const TemporaryFolder folder;
  copy_avatars(folder / "a", 0, 3);
  copy_avatars(folder / "b", 1, 3);
  const std::string a = folder / "a", b = folder / "b";
  const Json psnr = json_of({"psnr", a, b});
  EXPECT_EQ(psnr.at("n"), 2);
  EXPECT_EQ(psnr.at("identical"), 2);
  EXPECT_EQ(psnr.at("median"), "inf");
  EXPECT_EQ(psnr.at("alone").size(), 2u);
  // Variances are differences of squares up to 255², over K₂'s 58.5: a few ε of 1111 in flat places.
  EXPECT_NEAR(json_of({"ssim", a, b, "--border", "valid"}).at("mean").get<double>(), 1.0, 1e-12);

  const std::vector<fs::path> files = avatar_files();
  const Json two = json_of({"psnr", files[0], files[1]});
  EXPECT_EQ(two.at("n"), 1);
  EXPECT_NEAR(two.at("median").get<double>(), e2e::psnr(picture(files[0]).image, picture(files[1]).image), 1e-9);
}

TEST(Evaluate, RefusesWhatHasNoPictures) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "empty");
  copy_avatars(folder / "a", 0, 2);
  const std::string a = folder / "a", empty = folder / "empty";
  for (const char* metric : {"fid", "kid", "psnr", "ssim"}) {
    EXPECT_EQ(run({"evaluate", metric, a, empty}).exit_code, 3) << metric;
    EXPECT_EQ(run({"evaluate", metric, a, folder / "nowhere"}).exit_code, 3) << metric;
    EXPECT_EQ(run({"evaluate", metric, a}).exit_code, 2) << metric;
  }
  EXPECT_EQ(run({"evaluate"}).exit_code, 2);
  const Outcome inception = run({"evaluate", "fid", a, a, "--inception", avatar() / "vae"});
  EXPECT_EQ(inception.exit_code, 3);
  EXPECT_THAT(inception.err, HasSubstr("convert_inception.py"));
}

}  // namespace
}  // namespace newbie::e2e
