// Requests that are well-formed and do not do what they seem to ask for: each is told.
#include <gmock/gmock.h>

#include <fstream>

#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "image/picture_format.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Notes : public testing::Test {
 protected:
  std::string told(std::vector<std::string> words) {
    words.insert(words.begin(), {"generate", "-p", "1girl, smile", "-W", "128", "-H", "128", "--steps", "2", "-s", "1",
                                 "-o", (folder_ / "x.png").string()});
    std::filesystem::remove(folder_ / "x.png");
    const Outcome o = run(std::move(words));
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return o.err;
  }
  std::string picture(const char* name, int channels, const std::vector<uint8_t>& pixel) {
    Image image{.width = 32, .height = 32, .channels = channels, .pixels = {}};
    for (int i = 0; i < 32 * 32; ++i) image.pixels.insert(image.pixels.end(), pixel.begin(), pixel.end());
    if (channels == 4) image.pixels[3] = 0;  // an alpha that says something
    const std::vector<std::byte> bytes = encode_picture(PictureFormat::Png, image, {}, 90);
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return (folder_ / name).string();
  }
  TemporaryFolder folder_;
};

TEST_F(Notes, NothingIsSaidOfAnOrdinaryRequest) { EXPECT_THAT(told({}), Not(HasSubstr("warning"))); }

TEST_F(Notes, FlagsWithoutEffect) {
  EXPECT_THAT(told({"-n", "blurry", "--cfg-scale", "1", "--rescale-cfg", "0.7"}),
              AllOf(HasSubstr("--negative-prompt does nothing with --cfg-scale 1"),
                    HasSubstr("--rescale-cfg does nothing with --cfg-scale 1")));
  EXPECT_THAT(told({"--eta", "0.3", "--scheduler", "linear_quadratic", "--shift", "3", "--file-quality", "50"}),
              AllOf(HasSubstr("--eta does nothing"), HasSubstr("--shift does nothing with --scheduler"),
                    HasSubstr("--file-quality does nothing with PNG")));
  EXPECT_THAT(told({"--cfg-trunc", "-1", "--keep-preview", "--batch-noise", "slices"}),
              AllOf(HasSubstr("which is never"), HasSubstr("--keep-preview does nothing"),
                    HasSubstr("--batch-noise does nothing with one picture")));
  EXPECT_THAT(told({"--system-prompt", "xlm"}), HasSubstr("did you mean xml?"));
}

TEST_F(Notes, NoiseThatIsLeft) {
  const Outcome o = run({"generate", "-p", "1girl", "--sigmas", "1,0.5", "-o", (folder_ / "x.png").string()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("noise is left in the picture"));
}

TEST_F(Notes, MasksThatMaskAllOrNothing) {
  const std::string start = picture("start.png", 3, {90, 120, 200});
  EXPECT_THAT(told({"-i", start, "--mask", picture("black.png", 3, {0, 0, 0})}),
              HasSubstr("--mask is black everywhere: nothing is repainted"));
  EXPECT_THAT(told({"-i", start, "--mask", picture("alpha.png", 4, {0, 0, 0, 255})}), HasSubstr("alpha channel"));
  EXPECT_THAT(told({"-i", start, "--mask", picture("white.png", 3, {255, 255, 255})}), HasSubstr("white everywhere"));
}

TEST_F(Notes, StartsOfOtherProportions) {
  const std::string start = picture("start.png", 3, {90, 120, 200});  // 32x32
  EXPECT_THAT(told({"-i", start, "-H", "64"}), HasSubstr("--init-img of 32x32 becomes 128x64 by --init-fit crop"));
  EXPECT_THAT(told({"-i", start, "-H", "64", "--init-fit", "pad"}), HasSubstr("becomes 128x64 by --init-fit pad"));
  EXPECT_THAT(told({"-i", start}), Not(HasSubstr("becomes")));
}

TEST_F(Notes, MasksOfOtherProportions) {
  const std::string start = picture("start.png", 3, {90, 120, 200});  // 32x32
  const auto mask = [&](const char* name, int white_from) {           // 64x16, white from that column on
    Image image{.width = 64, .height = 16, .channels = 3, .pixels = {}};
    for (int i = 0; i < 64 * 16; ++i) image.pixels.insert(image.pixels.end(), 3, i % 64 >= white_from ? 255 : 0);
    const std::vector<std::byte> bytes = encode_picture(PictureFormat::Png, image, {}, 90);
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return (folder_ / name).string();
  };
  EXPECT_THAT(
      told({"-i", start, "--mask", mask("half.png", 32)}),
      AllOf(HasSubstr("--mask of 64x16 becomes 128x128 by --init-fit crop"), Not(HasSubstr("nothing is repainted"))));
  EXPECT_THAT(told({"-i", start, "--mask", mask("half.png", 32), "--init-fit", "stretch"}),
              HasSubstr("--mask of 64x16 becomes 128x128 by --init-fit stretch"));
  EXPECT_THAT(told({"-i", start, "--mask", mask("half.png", 32), "--only-masked"}),
              HasSubstr("--mask of 64x16 is stretched over --init-img of 32x32"));
  EXPECT_THAT(told({"-i", start, "--mask", mask("edge.png", 56)}),  // all that is white is cut off
              HasSubstr("nothing of what --mask repaints is left in 128x128: nothing is repainted"));
}

TEST_F(Notes, NoPrompt) {
  for (const char* prompt : {"", "  \n"}) EXPECT_THAT(told({"-p", prompt}), HasSubstr("--prompt is empty")) << prompt;
}

TEST_F(Notes, MarkupOfOtherPrograms) {
  const auto prompt = [&](const char* text, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"-p", text});  // the last one counts
    return told(std::move(more));
  };
  EXPECT_THAT(prompt("1girl <lyco:x:0.8>"), HasSubstr("adapters are given with --lora"));
  EXPECT_THAT(prompt("1girl, (smile:1.2) BREAK"), AllOf(HasSubstr("without --weights"), HasSubstr("BREAK")));
  EXPECT_THAT(prompt("[blue hair:red hair:0.5]", {"--weights"}), HasSubstr("no prompt changes between steps"));
}

TEST_F(Notes, WhatTheModelNeverLearned) {
  const Outcome list = run({"models", "--words"});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_THAT(list.out, AllOf(HasSubstr("toon_head"), HasSubstr("256x128"), HasSubstr("blue_hair")));
  EXPECT_THAT(told({"-p", "1girl, blue hair, dragon"}),
              AllOf(HasSubstr("never learned: dragon"), HasSubstr("--words")));
  EXPECT_THAT(told({"-H", "256"}), HasSubstr("learned pictures of 128x128 and 256x128; at 128x256"));
  EXPECT_THAT(told({"-p", "1girl, 青い髪"}), AllOf(HasSubstr("Jina"), HasSubstr("青い髪")));
}

}  // namespace
}  // namespace newbie::e2e
