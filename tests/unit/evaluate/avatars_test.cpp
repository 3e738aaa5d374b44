// The scores say on real pictures what a person would say: matched captions fit, spoilt pictures are farther away.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "evaluate/clip_score.h"
#include "evaluate/picture_metrics.h"
#include "evaluate/picture_set.h"
#include "evaluate/set_distance.h"
#include "image/png.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/evaluate/pictures.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

struct Avatars {
  Runtime runtime = evaluation_runtime(2);
  JinaExtractor jina{runtime, avatar_path() / "clip_model", silent_log()};
  CaptionedSet set = extract_captioned(list_pictures(avatar_folder()),
                                       read_captions(avatar_folder() / "captions.jsonl", "xml"), jina, {});
};

Avatars& avatars() {
  static Avatars once;
  return once;
}

TEST(Avatars, MatchedCaptionsBeatShuffledOnes) {
  Avatars& a = avatars();
  ASSERT_EQ(a.set.images.files.size(), 64u);
  const std::vector<double> matched = row_cosines(a.set.images.features, a.set.texts);
  std::vector<size_t> order(64);  // each picture has the caption of another
  for (size_t i = 0; i < order.size(); ++i) order[i] = (i + 17) % order.size();
  const std::vector<double> shuffled = row_cosines(a.set.images.features, select_rows(a.set.texts, order));
  const MeanEstimate difference = paired_difference(matched, shuffled);
  ASSERT_TRUE(difference.sureness.interval);
  EXPECT_GT(difference.sureness.interval->low, 0);
  std::printf("[ measured ] matched - shuffled cosine %.4f, 95 %% %.4f to %.4f\n", difference.mean,
              difference.sureness.interval->low, difference.sureness.interval->high);
  EXPECT_TRUE(a.jina.logit_scale());
}

// The 64 pictures, spoilt.
template <typename Spoil>
FeatureMatrix spoilt_features(const Spoil& spoil) {
  Avatars& a = avatars();
  FeatureMatrix out{.columns = a.jina.dimension(), .values = {}};
  std::vector<float> row(out.columns);
  for (const fs::path& file : a.set.images.files) {
    a.jina.extract(spoil(read_rgb(file)), row, {});
    out.values.insert(out.values.end(), row.begin(), row.end());
  }
  return out;
}

template <typename Spoil>
void expect_rising(const std::vector<int>& strengths, const Spoil& spoil) {
  const FeatureMatrix& clean = avatars().set.images.features;
  double frechet = frechet_distance(clean, clean).value, kernel = -1, psnr_before = 1e9, ssim_before = 2;
  EXPECT_NEAR(frechet, 0, 1e-6);
  for (const int strength : strengths) {
    const FeatureMatrix features = spoilt_features([&](const Image& image) { return spoil(image, strength); });
    const FrechetDistance f = frechet_distance(features, clean);
    const double k = kernel_distance(features, clean);
    const Image before = avatar_picture("000000.png"), after = spoil(before, strength);
    EXPECT_TRUE(f.gram);
    EXPECT_GT(f.value, frechet) << strength;
    EXPECT_GT(k, kernel) << strength;
    EXPECT_LT(psnr(after, before), psnr_before) << strength;
    EXPECT_LT(ssim(after, before), ssim_before) << strength;
    std::printf("[ measured ] strength %3d: fid[jina-clip] %.5f, kid[jina-clip] %.6f\n", strength, f.value, k);
    frechet = f.value;
    kernel = k;
    psnr_before = psnr(after, before);
    ssim_before = ssim(after, before);
  }
}

TEST(Avatars, NoiseRaisesEveryDistance) {
  expect_rising({8, 24, 64, 128}, [](const Image& image, int strength) { return with_noise(image, strength, 5); });
}

TEST(Avatars, BlurRaisesEveryDistance) {
  expect_rising({1, 2, 4, 8}, [](const Image& image, int radius) { return blurred(image, radius); });
}

// Of other pictures: spoilt and clean forms of the same ones are closer than two halves of a set, whose pictures
// differ.
TEST(Avatars, NoiseOnOtherPicturesIsFartherThanTheBaseline) {
  Avatars& a = avatars();
  const FeatureMatrix noisy = spoilt_features([](const Image& image) { return with_noise(image, 128, 5); });
  std::vector<size_t> first(32), second(32);
  std::iota(first.begin(), first.end(), size_t{0});
  std::iota(second.begin(), second.end(), size_t{32});
  const FeatureMatrix x = select_rows(noisy, first), y = select_rows(a.set.images.features, second);
  const DistanceOptions options{.resamples = 0, .splits = 20};
  const SetDistance f = frechet_report(a.set.images.features, a.set.images.features, Sets::Independent, options,
                                       a.runtime.pool, {}),
                    k = kernel_report(a.set.images.features, a.set.images.features, Sets::Independent, options,
                                      a.runtime.pool, {});
  ASSERT_EQ(f.half_rows, 32u);
  EXPECT_GT(frechet_distance(x, y).value, f.split_half->mean + 3 * f.split_half->deviation);
  EXPECT_GT(kernel_distance(x, y), k.split_half->mean + 3 * k.split_half->deviation);
}

TEST(PictureSet, HostileFoldersLoseOnlyWhatIsBroken) {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, std::string_view bytes) { write_file_atomically(folder / name, bytes); };
  const std::string good = read_file(avatar_folder() / "000000.png", 1 << 20);
  write("a.png", good);
  write("b.png", std::string_view(good).substr(0, good.size() / 2));
  write("c.png", "not a picture");
  write("d.jpg", "");
  write("notes.md", "words");
  write("a.txt", "1girl");
  fs::create_directory(folder / "e.png");
  std::string huge = good;  // a header that says 65535 x 65535
  for (const size_t at : {18u, 22u}) huge.replace(at - 2, 4, std::string("\0\0\xFF\xFF", 4));
  write("f.png", huge);
  const PictureList list = list_pictures(folder.path());
  EXPECT_EQ(list.files.size(), 5u);
  EXPECT_EQ(list.others, 1u);
  const ExtractedSet set = extract_set(list, avatars().jina, {});
  EXPECT_EQ(set.files.size(), 1u);
  EXPECT_EQ(set.unreadable.size(), 4u);

  fs::remove(folder / "a.png");
  EXPECT_ERROR(extract_set(list_pictures(folder.path()), avatars().jina, {}), ErrorKind::BadFile, "not one of 4");
  for (const char* name : {"b.png", "c.png", "d.jpg", "f.png"}) fs::remove(folder / name);
  EXPECT_ERROR(list_pictures(folder.path()), ErrorKind::BadFile, "no pictures");
  EXPECT_ERROR(list_pictures(folder / "nowhere"), ErrorKind::BadFile, "nowhere");
}

TEST(PictureSet, PairsByName) {
  const TemporaryFolder a, b;
  const std::string bytes = read_file(avatar_folder() / "000000.png", 1 << 20);
  for (const char* name : {"1.png", "2.png", "3.png"}) write_file_atomically(a / name, bytes);
  for (const char* name : {"2.png", "3.png", "4.png"}) write_file_atomically(b / name, bytes);
  const PicturePairs pairs = pair_pictures(list_pictures(a.path()), list_pictures(b.path()));
  ASSERT_EQ(pairs.pairs.size(), 2u);
  EXPECT_EQ(pairs.pairs[0].b, b / "2.png");
  EXPECT_EQ(pairs.alone.size(), 2u);
  EXPECT_EQ(pair_pictures(list_pictures(a / "1.png"), list_pictures(b / "4.png")).pairs.size(), 1u);
  fs::remove(b / "2.png");
  fs::remove(b / "3.png");
  EXPECT_ERROR(pair_pictures(list_pictures(a.path()), list_pictures(b.path())), ErrorKind::InvalidRequest, "no pairs");
}

TEST(Captions, AreReadByNameAndKey) {
  const TemporaryFolder folder;
  const fs::path file = folder / "c.jsonl";
  const auto captions = [&](const std::string& text, const char* key = "") {
    write_file_atomically(file, std::string_view(text));
    return read_captions(file, key);
  };
  EXPECT_EQ(captions("{\"file\": \"a.png\", \"tags\": \"t\", \"xml\": \"x\"}\n\n").at("a.png"), "x");
  EXPECT_EQ(captions("{\"file_name\": \"a.png\", \"tags\": \"t\", \"xml\": \"x\"}", "tags").at("a.png"), "t");
  EXPECT_ERROR(captions("{\"file\": \"a.png\"}"), ErrorKind::BadFile, "c.jsonl:1: no text");
  EXPECT_ERROR(captions("\n{\"text\": \"a\"}"), ErrorKind::BadFile, "c.jsonl:2: no file name");
  EXPECT_ERROR(captions("[1]"), ErrorKind::BadFile, "expected an object");
  EXPECT_ERROR(captions("{\"file\": \"a\", \"text\": \"b\"}\n{\"file\": \"a\", \"text\": \"c\"}"), ErrorKind::BadFile,
               "second line for a");
  EXPECT_ERROR(captions(""), ErrorKind::BadFile, "no captions");
}

TEST(Captions, LieBesideThePictureOrInIt) {
  const TemporaryFolder folder;
  const std::vector<TextChunk> texts{{"parameters", "1girl, smile\nSteps: 5, Seed: 1"}};
  const std::vector<std::byte> png = encode_png(smooth(16, 16), texts);
  write_file_atomically(folder / "a.png", png);
  EXPECT_EQ(caption_of(folder / "a.png", {}), "1girl, smile");
  write_file_atomically(folder / "a.txt", std::string_view("a girl\n"));
  EXPECT_EQ(caption_of(folder / "a.png", {}), "a girl");
  EXPECT_EQ(caption_of(folder / "a.png", {{"a.png", "given"}}), "given");
  write_file_atomically(folder / "b.png", encode_png(smooth(16, 16), {}));
  EXPECT_FALSE(caption_of(folder / "b.png", {}));
}

}  // namespace
}  // namespace newbie::test
