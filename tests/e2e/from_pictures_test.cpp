// Pictures in: starting from one, repainting a part, a larger second pass, and drawing one again; formats out.
#include <gmock/gmock.h>

#include "core/files.h"
#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "image/picture_format.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::AllOf;
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

// A1111's text of it, read first, would be another request.
TEST_F(FromPictures, APromptThatLooksLikeSettingsComesBack) {
  const std::string prompt = "1girl\nNegative prompt: smile\nSteps: 1, Seed: 2, Size: 16x16";
  const std::string first = draw("first.png", {"-p", prompt, "-W", "32", "-H", "32", "--steps", "3", "-s", "9"});
  EXPECT_EQ(file_bytes(draw("again.png", {"--from", first})), file_bytes(first));
  const Json said = parse_json(run({"metadata", first, "--json"}).out, "stdout")["request"];
  EXPECT_EQ(said["source"], "newbie");
  EXPECT_EQ(said["flags"]["prompt"], prompt);
}

// Texts that nobody can read are shown all the same, and then told.
TEST_F(FromPictures, DamagedTextsAreShown) {
  const TextChunk damaged[] = {{"prompt", "{\"3\": {\"class_type\": "}, {"note", "by hand"}};
  const Image grey{16, 16, 3, std::vector<uint8_t>(16 * 16 * 3, 90)};
  const std::string file = (folder_ / "damaged.png").string();
  write_file_atomically(file, encode_picture(PictureFormat::Png, grey, damaged, 0));
  const Outcome o = run({"metadata", file});
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.out, AllOf(HasSubstr("class_type"), HasSubstr("by hand")));
  EXPECT_THAT(run({"metadata", file, "--json"}).out, HasSubstr("\"problem\":"));
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

// A mask of 64x48 whose box is white.
std::string mask_file(const std::filesystem::path& folder, int left, int top, int width, int height) {
  Image mask{.width = 64, .height = 48, .channels = 3, .pixels = std::vector<uint8_t>(64 * 48 * 3, 0)};
  for (int y = top; y < top + height; ++y)
    std::fill_n(mask.pixels.begin() + (y * 64 + left) * 3, width * 3, uint8_t{255});
  const std::string path = (folder / "mask.png").string();
  write_file_atomically(path, encode_png(mask));
  return path;
}

// Pixels that differ, inside of a box and outside of it.
std::pair<size_t, size_t> changed(const Image& a, const Image& b, int left, int top, int width, int height) {
  size_t inside = 0, outside = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x) {
      const size_t at = static_cast<size_t>(y * a.width + x) * 3;
      const bool differs = !std::equal(&a.pixels[at], &a.pixels[at] + 3, &b.pixels[at]);
      const bool is_inside = x >= left && x < left + width && y >= top && y < top + height;
      (is_inside ? inside : outside) += differs;
    }
  return {inside, outside};
}

TEST_F(FromPictures, MasksAreInvertedSoftenedAndDrawnAlone) {
  const std::string from = base(), mask = mask_file(folder_.path(), 20, 10, 16, 12);
  const Image start = read_picture(from).image;
  const std::vector<std::string> common{"-p", "red hair", "-i", from,         "--mask",
                                        mask, "--steps",  "4",  "--strength", "0.9"};
  const auto drawn = [&](const char* name, std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    return read_picture(draw(name, more)).image;
  };
  const auto [inside, outside] = changed(drawn("mask.out.png", {}), start, 20, 10, 16, 12);
  EXPECT_GT(inside, 100u);
  EXPECT_EQ(outside, 0u);
  const auto [kept, painted] = changed(drawn("inverted.png", {"--mask-invert"}), start, 20, 10, 16, 12);
  EXPECT_EQ(kept, 0u);
  EXPECT_GT(painted, 1000u);
  // Three pixels of softening reach nine pixels beyond the edge, and no further.
  const Image soft = drawn("soft.png", {"--mask-blur", "3"});
  EXPECT_GT(changed(soft, start, 20, 10, 16, 12).second, 0u);
  EXPECT_EQ(changed(soft, start, 20 - 9, 10 - 9, 16 + 18, 12 + 18).second, 0u);
  // The part alone: the picture keeps its size, and everything outside of the mask.
  const Image alone = drawn("alone.png", {"--only-masked", "--mask-padding", "4", "-W", "96", "-H", "96"});
  ASSERT_EQ(alone.width, 64);
  ASSERT_EQ(alone.height, 48);
  const auto [part, rest] = changed(alone, start, 20, 10, 16, 12);
  EXPECT_GT(part, 100u);
  EXPECT_EQ(rest, 0u);
  EXPECT_NE(alone.pixels, read_picture((folder_ / "mask.out.png").string()).image.pixels);
  const Json said = parse_json(text_of(picture(folder_ / "alone.png"), "newbie"), "picture");
  EXPECT_EQ(said["only_masked"], true);
  EXPECT_EQ(said["mask_padding"], 4);
  EXPECT_EQ(said["width"], 96);
  EXPECT_EQ(file_bytes(draw("again.png", {"--from", (folder_ / "alone.png").string(), "-i", from, "--mask", mask})),
            file_bytes(folder_ / "alone.png"));
  const Outcome nothing = run({"generate", "-p", "a", "-i", from, "--mask", mask_file(folder_.path(), 0, 0, 0, 0),
                               "--only-masked", "-o", (folder_ / "x.png").string()});
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("--only-masked: nothing of the picture is masked"));
}

TEST_F(FromPictures, TransparencyIsKeptOnRequest) {
  Image start{.width = 64, .height = 48, .channels = 4, .pixels = {}};
  for (int i = 0; i < 64 * 48; ++i)
    start.pixels.insert(start.pixels.end(), {200, 100, 50, static_cast<uint8_t>(i % 251)});
  const std::string from = (folder_ / "see-through.png").string();
  write_file_atomically(from, encode_png(start));
  const std::vector<std::string> common{"-p", "1girl", "-i", from, "--steps", "3"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    return more;
  };
  EXPECT_EQ(read_picture(draw("opaque.png", with({}))).image.channels, 3);
  const Image kept = read_picture(draw("kept.png", with({"--keep-alpha"}))).image;
  ASSERT_EQ(kept.channels, 4);
  for (size_t i = 3; i < kept.pixels.size(); i += 4) ASSERT_EQ(kept.pixels[i], start.pixels[i]);
}

TEST_F(FromPictures, StandardInputIsAPictureToo) {
  const std::string from = base();
  const std::vector<std::string> words{"generate", "-q", "-p", "red hair", "--steps", "3", "-o"};
  const auto with = [&](const std::string& name, const std::string& input) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {(folder_ / name).string(), "-i", input});
    return all;
  };
  ASSERT_EQ(run({.arguments = with("piped.png", "-"), .standard_input = file_bytes(from)}).exit_code, 0);
  ASSERT_EQ(run(with("read.png", from)).exit_code, 0);
  EXPECT_EQ(file_bytes(folder_ / "piped.png"), file_bytes(folder_ / "read.png"));
}

TEST_F(FromPictures, TextsOfOtherProgramsAreDrawn) {
  const auto write = [&](const char* name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    write_file_atomically(path, text);
    return path;
  };
  const std::string pasted = write("pasted.txt",
                                   "1girl\nNegative prompt: red\nSteps: 3, Sampler: Euler a, Schedule type: "
                                   "Simple, CFG scale: 4, Seed: 9, Size: 64x48, Face restoration: X");
  const Outcome o = run({"generate", "--from", pasted, "-o", (folder_ / "pasted.png").string()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("Face restoration: X has no counterpart"));
  EXPECT_EQ(
      file_bytes(folder_ / "pasted.png"),
      file_bytes(draw("flags.png", {"-p", "1girl", "-n", "red", "--steps", "3", "--sampling-method", "euler_a",
                                    "--scheduler", "simple", "--cfg-scale", "4", "-s", "9", "-W", "64", "-H", "48"})));
  const Outcome said = run({"metadata", pasted});
  EXPECT_THAT(said.out, HasSubstr("not taken over: Face restoration: X"));
  // Weights that others write otherwise are the same weights.
  const std::string novel = write("novel.json", R"json({"prompt": "{{{1girl}}}, rem (re)", "uc": "", "steps": 3,
      "scale": 4, "seed": 9, "width": 64, "height": 48, "sampler": "k_euler", "noise_schedule": "native"})json");
  EXPECT_EQ(file_bytes(draw("novel.png", {"--from", novel})),
            file_bytes(draw("weights.png", {"-p", "(1girl:1.158), rem \\(re\\)", "--weights", "-n", "", "--steps", "3",
                                            "--sampling-method", "euler", "--scheduler", "normal", "--cfg-scale", "4",
                                            "-s", "9", "-W", "64", "-H", "48"})));
  // A node that nobody has heard of is named.
  const std::string strange = write("strange.json", R"({
      "3": {"class_type": "KSampler", "inputs": {"seed": 9, "steps": 3, "cfg": 4, "sampler_name": "euler", "scheduler":
        "simple", "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
      "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x"}},
      "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 48, "batch_size": 1}},
      "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "1girl", "clip": ["4", 1]}},
      "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
      "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
      "9": {"class_type": "Sparkle", "inputs": {"canvas": ["8", 0]}},
      "10": {"class_type": "SaveImage", "inputs": {"images": ["9", 0], "filename_prefix": "x"}}})");
  const Outcome sparkle = run({"generate", "--from", strange, "-o", (folder_ / "sparkle.png").string()});
  ASSERT_EQ(sparkle.exit_code, 0) << sparkle.err;
  EXPECT_THAT(sparkle.err, HasSubstr("a node Sparkle acts on the drawn picture"));
  // Nothing is drawn of a graph without a prompt.
  const std::string empty = write("graph.json", R"({"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}})");
  const Outcome none = run({"generate", "--from", empty, "-o", (folder_ / "none.png").string()});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.err, HasSubstr("no prompt could be read from it"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.png"));
}

}  // namespace
}  // namespace newbie::e2e
