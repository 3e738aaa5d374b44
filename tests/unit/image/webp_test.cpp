// WebP: lossless and lossy round trips, alpha, texts, damage.
#include "image/webp.h"

#include "unit/core/expect_error.h"
#include "unit/image/picture_files.h"

namespace newbie {
namespace {

using test::bytes_of;
using test::corners;
using test::data_file;
using test::largest_difference;

TEST(WebP, Quality100IsExact) {
  EXPECT_EQ(decode_webp(encode_webp(corners(), 100)).image, corners());
  Image clear{.width = 2, .height = 1, .channels = 4, .pixels = {1, 2, 3, 128, 200, 100, 50, 255}};
  EXPECT_EQ(decode_webp(encode_webp(clear, 100)).image, clear);
  EXPECT_EQ(encode_webp(corners(), 80), encode_webp(corners(), 80));
}

TEST(WebP, LossyStaysNear) {
  const DecodedPicture back = decode_webp(encode_webp(corners(), 95));
  EXPECT_NEAR(back.image.pixels[0], 255, 16);
  EXPECT_NEAR(back.image.pixels[1], 0, 16);
}

TEST(WebP, ReadsAlphaAndRefusesAnimations) {
  const Image alpha = decode_webp(bytes_of(data_file("alpha.webp"))).image;
  EXPECT_EQ(alpha.channels, 4);
}

TEST(WebP, KeepsTexts) {
  std::vector<TextChunk> texts{{"newbie", R"({"prompt":"青い"})"}, {"parameters", "1girl, 青い 🎨\nSteps: 20"}};
  EXPECT_EQ(decode_webp(encode_webp(corners(), 90, texts)).texts, texts);
  EXPECT_EQ(decode_webp(encode_webp(corners(), 100, texts)).texts, texts);
  const std::vector<TextChunk> expected{{"workflow", R"({"a":1})"}, {"parameters", "1girl, 青い\nSteps: 20"}};
  EXPECT_EQ(decode_webp(bytes_of(data_file("a1111.webp"))).texts, expected);
  texts[0].text = "{" + std::string(200000, 'x') + "}";
  EXPECT_EQ(decode_webp(encode_webp(corners(), 90, texts)).texts, texts);
}

TEST(WebP, SurvivesDamage) {
  const auto decode = [](std::span<const std::byte> b) { return decode_webp(b); };
  for (const char* name : {"turned.webp", "alpha.webp"}) test::survives_damage(data_file(name), decode);
}

TEST(WebP, RefusesWhatDoesNotFit) {
  EXPECT_ERROR(decode_webp(bytes_of(data_file("turned.webp")), "t", {.max_side = 20}), ErrorKind::BadFile, "24x16");
  EXPECT_ERROR(decode_webp(bytes_of(data_file("turned.webp")), "t", {.max_pixels = 100}), ErrorKind::BadFile, "24x16");
  EXPECT_ERROR(encode_webp(corners(), 0), ErrorKind::InvalidRequest, "quality 0");
  Image wide{.width = 16384, .height = 1, .channels = 3, .pixels = std::vector<uint8_t>(16384 * 3)};
  EXPECT_ERROR(encode_webp(wide, 90), ErrorKind::InvalidRequest, "16383");
}

}  // namespace
}  // namespace newbie
