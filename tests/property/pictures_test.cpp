// Laws of starting from a picture: strength, masks, the second pass.
#include <gtest/gtest.h>

#include <cmath>

#include "generate/text_to_image.h"
#include "image/resize.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"

namespace newbie::test {
namespace {

constexpr int kSide = 128;  // what the avatar model was made for

GenerateRequest request(const char* name = "aoi") {
  GenerateRequest r;
  r.prompt = fmt::format("<character_1><n>{}</n></character_1>", name);
  r.width = r.height = kSide;
  r.steps = 8;
  r.seed = 3;
  return r;
}

TextToImage& engine() {
  static TextToImage one = TextToImage::open({.folder = avatar_path()}, {.threads = 2}, silent_log());
  return one;
}

Image draw(const GenerateRequest& r) {
  Image out;
  RunObserver progress;
  engine().generate(r, progress, {}, [&](GeneratedImage g) { out = std::move(g.image); });
  return out;
}

const Image& start() {
  static const Image one = draw(request("midori"));
  return one;
}

TEST(ImageToImage, FullStrengthIsDrawingFromNoise) {
  GenerateRequest r = request();
  const Image from_noise = draw(r);
  r.init_image = start();
  r.strength = 1;
  EXPECT_EQ(draw(r), from_noise);
  r.strength_rule = StrengthRule::ComfyUi;
  EXPECT_EQ(draw(r), from_noise);
}

// Up to the strength where nothing of the picture is left to see: at shift 6 that is soon.
TEST(ImageToImage, TheLessStrengthTheNearerTheResult) {
  double last = 100;
  for (const double strength : {0.1, 0.25, 0.5, 1.0}) {
    GenerateRequest r = request();
    r.steps = 20;
    r.init_image = start();
    r.strength = strength;
    const double near = psnr(draw(r).pixels, start().pixels);
    EXPECT_LT(near, last) << strength;
    last = near;
  }
}

TEST(ImageToImage, SizeFollowsThePicture) {
  GenerateRequest r = request();
  r.width = r.height = 0;
  r.steps = 2;
  r.init_image = Image{.width = 45, .height = 70, .channels = 4, .pixels = std::vector<uint8_t>(45 * 70 * 4, 200)};
  const Image out = draw(r);
  EXPECT_EQ(out.width, 48);
  EXPECT_EQ(out.height, 64);
  r.width = 96;
  EXPECT_EQ(draw(r).height, 144);  // 149.3
}

Image mask(uint8_t value) {
  return {.width = kSide, .height = kSide, .channels = 3, .pixels = std::vector<uint8_t>(kSide * kSide * 3, value)};
}

TEST(Inpaint, KeptPixelsComeBackExactlyAndTheOthersAreDrawn) {
  constexpr size_t kEdge = 60;  // not on a border of latent pixels
  for (const char* sampler : {"res_multistep", "heun", "euler_a", "rk4"}) {
    GenerateRequest r = request();
    r.sampler = sampler;
    r.strength = 1;
    r.init_image = start();
    r.mask = mask(0);
    for (size_t y = 0; y < kSide; ++y)
      for (size_t x = kEdge; x < kSide; ++x)
        for (size_t c = 0; c < 3; ++c) r.mask->pixels[(y * kSide + x) * 3 + c] = 255;
    const Image out = draw(r);
    size_t changed = 0;
    for (size_t i = 0; i < out.pixels.size(); ++i) {
      if (i / 3 % kSide < kEdge)
        ASSERT_EQ(out.pixels[i], start().pixels[i]) << sampler << " " << i;
      else
        changed += out.pixels[i] != start().pixels[i];
    }
    EXPECT_GT(changed, kSide * (kSide - kEdge)) << sampler;
  }
}

TEST(Inpaint, AMaskThatKeepsNothingIsImageToImage) {
  GenerateRequest r = request();
  r.init_image = start();
  const Image plain = draw(r);
  r.mask = mask(255);
  EXPECT_EQ(draw(r), plain);
}

TEST(Hires, ScalesTheSizeAndKeepsThePictureWhenWeak) {
  GenerateRequest r = request();
  r.width = r.height = kSide / 2;
  const Image small = draw(r);
  r.hires_scale = 2;
  r.hires_steps = 20;
  double near[2];
  for (const bool weak : {false, true}) {
    r.hires_strength = weak ? 0.1 : 1.0;
    const Image large = draw(r);
    ASSERT_EQ(large.width, kSide);
    ASSERT_EQ(large.height, kSide);
    near[weak] = psnr(resize_bicubic(large, kSide / 2, kSide / 2).pixels, small.pixels);
  }
  EXPECT_GT(near[true], near[false]);
}

TEST(Pictures, RefuseWhatMakesNoSense) {
  GenerateRequest r = request();
  r.mask = start();
  EXPECT_ERROR(draw(r), ErrorKind::InvalidRequest, "mask: there is no picture");
  r.init_image = start();
  r.hires_scale = 2;
  EXPECT_ERROR(draw(r), ErrorKind::InvalidRequest, "not with `hires_scale`");
  r.mask.reset();
  r.hires_scale = 0.5;
  EXPECT_ERROR(draw(r), ErrorKind::InvalidRequest, "hires_scale");
  r.hires_scale = 0;
  for (const double strength : {0.0, -1.0, 1.1, std::nan("")}) {
    r.strength = strength;
    EXPECT_ERROR(draw(r), ErrorKind::InvalidRequest, "strength");
  }
  r.strength = 0.1;
  EXPECT_ERROR(draw(r), ErrorKind::InvalidRequest, "none is left");
}

}  // namespace
}  // namespace newbie::test
