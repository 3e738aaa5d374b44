// JPEG: round trips within what the quality promises, kinds of files, texts, damage.
#include "image/jpeg.h"

#include "unit/core/expect_error.h"
#include "unit/image/picture_files.h"

namespace newbie {
namespace {

using test::bytes_of;
using test::corners;
using test::data_file;
using test::largest_difference;

DecodedPicture decode(const std::string& name) { return decode_jpeg(bytes_of(data_file(name)), name); }

TEST(Jpeg, RoundTripStaysNear) {
  // At quality 100 the tables are all ones: what is left is the rounding of colours and of 64 coefficients to integers.
  EXPECT_LE(largest_difference(decode_jpeg(encode_jpeg(corners(), 100)).image, corners()), 4);
  EXPECT_LT(encode_jpeg(corners(), 10).size(), encode_jpeg(corners(), 100).size());
  EXPECT_EQ(encode_jpeg(corners(), 80), encode_jpeg(corners(), 80));
}

TEST(Jpeg, ReadsOtherKinds) {
  const Image grey = decode("grey.jpg").image;
  EXPECT_NEAR(grey.pixels[0], 76, 3);  // red's brightness
  EXPECT_EQ(grey.pixels[0], grey.pixels[1]);
  EXPECT_LE(largest_difference(decode("cmyk.jpg").image, corners()), 8);
  const Image progressive = decode("progressive.jpg").image;
  EXPECT_NEAR(progressive.pixels[0], 255, 8);
  EXPECT_NEAR(progressive.pixels[1], 0, 8);
}

TEST(Jpeg, KeepsTexts) {
  const std::vector<TextChunk> texts{{"parameters", "1girl, 青い 🎨\nSteps: 20"}, {"newbie", R"({"prompt":"青い"})"}};
  EXPECT_EQ(decode_jpeg(encode_jpeg(corners(), 90, texts)).texts, texts);
  const std::vector<TextChunk> expected{{"workflow", R"({"a":1})"}, {"parameters", "1girl, 青い\nSteps: 20"}};
  EXPECT_EQ(decode("a1111.jpg").texts, expected);
}

TEST(Jpeg, ALongRequestStaysWhole) {
  const std::vector<TextChunk> texts{{"parameters", std::string(100000, 'p')},
                                     {"newbie", "{" + std::string(200000, 'x') + "}"}};
  const DecodedPicture back = decode_jpeg(encode_jpeg(corners(), 90, texts));
  ASSERT_EQ(back.texts.size(), 1u);  // the parameters do not fit a segment
  EXPECT_EQ(back.texts[0], texts[1]);
}

TEST(Jpeg, SurvivesDamage) {
  for (const char* name : {"turned.jpg", "progressive.jpg", "cmyk.jpg", "a1111.jpg"})
    test::survives_damage(data_file(name), [](std::span<const std::byte> b) { return decode_jpeg(b); });
}

TEST(Jpeg, RefusesBeforeItAllocates) {
  std::string huge = data_file("grey.jpg");
  const size_t frame = huge.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  huge.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");  // 65500 x 65500
  EXPECT_ERROR(decode_jpeg(bytes_of(huge), "huge.jpg"), ErrorKind::BadFile, "huge.jpg: a picture of 65500x65500");
  EXPECT_ERROR(decode_jpeg(bytes_of(data_file("turned.png")), "x"), ErrorKind::BadFile, "not a JPEG");
}

TEST(Jpeg, RefusesWhatItCannotWrite) {
  EXPECT_ERROR(encode_jpeg(corners(), 0), ErrorKind::InvalidRequest, "quality 0");
  EXPECT_ERROR(encode_jpeg(corners(), 101), ErrorKind::InvalidRequest, "quality 101");
  EXPECT_ERROR(encode_jpeg({.width = 1, .height = 1, .channels = 4, .pixels = {1, 2, 3, 4}}, 90),
               ErrorKind::InvalidRequest, "4 channels");
  const std::vector<TextChunk> broken{{"newbie", "\xFF"}}, lines{{"newbie", "a\nb"}};
  EXPECT_ERROR(encode_jpeg(corners(), 90, broken), ErrorKind::InvalidRequest, "UTF-8");
  EXPECT_ERROR(encode_jpeg(corners(), 90, lines), ErrorKind::InvalidRequest, "one line");
}

TEST(Jpeg, ScansAreBoundedByThePixelsTheyWalkOver) {
  EXPECT_EQ(most_jpeg_scans(512 * 512), 500U);
  EXPECT_EQ(most_jpeg_scans(size_t{64} << 20), 32U);
  EXPECT_EQ(most_jpeg_scans(0), 500U);
}

TEST(Jpeg, MemoryIsAskedForByTheHeader) {
  const Image image{.width = 64, .height = 64, .channels = 3, .pixels = std::vector<uint8_t>(64 * 64 * 3, 9)};
  DecodeLimits limits;
  limits.max_memory_bytes = 1000;
  EXPECT_ERROR(decode_jpeg(encode_jpeg(image, 90, {}), "a.jpg", limits), ErrorKind::OverBudget,
               "a.jpg: a picture of 64x64");
}

}  // namespace
}  // namespace newbie
