// Pictures in: starting from one, repainting a part, a larger second pass, and drawing one again; formats out.
#include <gmock/gmock.h>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "image/picture_format.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

class FromPictures : public ::testing::Test {
 protected:
  // Runs generate with few steps; the path of the picture it wrote.
  std::string draw(const std::string& name, std::vector<std::string> more) {
    const std::string path = (folder_ / name).string();
    more.insert(more.begin(), {"generate", "-q", "-o", path});
    const Outcome o = run(more);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(o.err, "");
    return path;
  }
  std::string base() { return draw("base.png", {"-p", "1girl, blue hair", "-W", "64", "-H", "48", "--steps", "3"}); }

  TemporaryFolder folder_;
};

TEST_F(FromPictures, APictureIsDrawnAgainToTheByte) {
  for (const std::string extension : {".png", ".jpg", ".webp"}) {
    const std::string first = draw("first" + extension, {"-p", "1girl, -, (a:1.2)", "-n", "red, 青", "--shift", "5.5",
                                                         "-W", "64", "-H", "48", "--steps", "4", "--sampling-method",
                                                         "euler_a", "-s", "4294967301", "--cfg-scale", "3.1"});
    EXPECT_EQ(file_bytes(draw("again" + extension, {"--from", first})), file_bytes(first)) << extension;
    const std::string other = draw("other" + extension, {"--from", first, "-s", "9"});
    EXPECT_NE(file_bytes(other), file_bytes(first));
    EXPECT_EQ(file_bytes(draw("third" + extension, {"--from", other, "-s", "4294967301"})), file_bytes(first));
  }
}

TEST_F(FromPictures, SigmasByHandAndHiresComeBack) {
  const std::string sigmas = draw("sigmas.png", {"-p", "a", "-W", "32", "-H", "32", "--sigmas", "1,0.7,0.2,0",
                                                 "--hires", "2", "--hires-steps", "4"});
  EXPECT_EQ(read_picture(sigmas).image.width, 64);
  EXPECT_EQ(file_bytes(draw("again.png", {"--from", sigmas})), file_bytes(sigmas));
}

TEST_F(FromPictures, ImageToImageInpaintAndTheirMetadata) {
  const std::string from = base();
  const std::string near = draw("near.png", {"-p", "green hair", "-i", from, "--steps", "10", "--strength", "0.1"});
  const std::string far = draw("far.png", {"-p", "green hair", "-i", from, "--steps", "10", "--strength", "0.9"});
  const Image start = read_picture(from).image;
  EXPECT_EQ(read_picture(near).image.width, 64);
  EXPECT_GT(psnr(read_picture(near).image, start), psnr(read_picture(far).image, start));
  EXPECT_EQ(file_bytes(draw("again.png", {"--from", near, "-i", from})), file_bytes(near));

  Image mask{.width = 64, .height = 48, .channels = 3, .pixels = std::vector<uint8_t>(64 * 48 * 3, 0)};
  std::fill_n(mask.pixels.begin(), mask.pixels.size() / 2, uint8_t{255});
  const std::string mask_path = (folder_ / "mask.webp").string();
  write_file_atomically(mask_path, encode_picture(PictureFormat::WebP, mask, {}, 100));
  const Image painted =
      read_picture(draw("painted.png", {"-p", "hat", "-i", from, "--mask", mask_path, "--steps", "4"})).image;
  const auto half = static_cast<std::ptrdiff_t>(painted.pixels.size() / 2);
  EXPECT_TRUE(std::equal(painted.pixels.begin() + half, painted.pixels.end(), start.pixels.begin() + half));
  EXPECT_FALSE(std::equal(painted.pixels.begin(), painted.pixels.begin() + half, start.pixels.begin()));

  const Outcome other = run({"generate", "--from", near, "-o", (folder_ / "x.png").string()});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("drawn from a picture"));
  EXPECT_THAT(other.err, HasSubstr("give it with --init-img"));
}

TEST_F(FromPictures, AGridHoldsTheBatch) {
  const std::string grid = (folder_ / "grid.jpg").string();
  draw("{index}.png", {"-p", "a", "-W", "32", "-H", "16", "--steps", "1", "-b", "3", "--grid", grid});
  const Image sheet = read_picture(grid).image;
  EXPECT_EQ(sheet.width, 64);
  EXPECT_EQ(sheet.height, 32);
}

TEST_F(FromPictures, MetadataTellsWhatAPictureSays) {
  const std::string from = base();
  const Outcome words = run({"metadata", from});
  EXPECT_EQ(words.exit_code, 0);
  for (const char* part : {"64x48", "read from 'newbie'", "1girl, blue hair", "[parameters]", "Steps: 3"})
    EXPECT_THAT(words.out, HasSubstr(part));
  const Json json = parse_json(run({"metadata", from, "--json"}).out, "stdout");
  EXPECT_EQ(json["request"]["flags"]["prompt"], "1girl, blue hair");
  EXPECT_EQ(json["texts"].size(), 2u);
}

TEST_F(FromPictures, Mistakes) {
  const std::string nothing = (folder_ / "nothing.png").string(), text = (folder_ / "text.png").string();
  const Image plain{.width = 16, .height = 16, .channels = 3, .pixels = std::vector<uint8_t>(16 * 16 * 3)};
  write_file_atomically(nothing, encode_picture(PictureFormat::Png, plain, {}, 90));
  write_file_atomically(text, "not a picture");
  const std::string out = (folder_ / "x.png").string();
  const struct {
    std::vector<std::string> words;
    int code;
    const char* says;
  } cases[] = {{{"--from", nothing}, 3, "says nothing"},
               {{"--from", text}, 3, "not a PNG"},
               {{"--from", "no-such.png"}, 3, "no-such.png"},
               {{"-p", "a", "-i", text}, 3, "not a PNG"},
               {{"-p", "a", "--mask", nothing}, 2, "--mask: there is no picture it could be of"},
               {{"-p", "a", "-i", nothing, "--strength", "0"}, 2, "strength"},
               {{"-p", "a", "--hires", "0.5"}, 2, "hires"},
               {{"-p", "a", "--grid", "x.gif"}, 4, "x.gif"},
               {{"-p", "a", "--file-quality", "0"}, 2, "--file-quality"}};
  for (const auto& c : cases) {
    std::vector<std::string> words{"generate", "-o", out};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const Outcome o = run(words);
    EXPECT_EQ(o.exit_code, c.code) << o.err;
    EXPECT_THAT(o.err, HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace newbie::e2e
