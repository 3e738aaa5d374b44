// Finding the format, turning upright, alpha, masks, grids.
#include "image/picture_format.h"

#include "image/flatten.h"
#include "image/grid.h"
#include "image/orientation.h"
#include "unit/core/expect_error.h"
#include "unit/image/picture_files.h"

namespace newbie {
namespace {

using test::bytes_of;
using test::corners;
using test::data_file;

TEST(PictureFormat, IsFoundByContentWhenReadingAndByNameWhenWriting) {
  for (const char* name : {"palette.png", "grey.jpg", "alpha.webp"}) {
    const Image image = decode_picture(bytes_of(data_file(name)), name).image;
    EXPECT_EQ(image.width, 24) << name;
  }
  EXPECT_EQ(format_of_name("a/b.JPG"), PictureFormat::Jpeg);
  EXPECT_EQ(format_of_name("b.jpeg"), PictureFormat::Jpeg);
  EXPECT_EQ(format_of_name("b.webp"), PictureFormat::WebP);
  EXPECT_EQ(format_of_name("b.png"), PictureFormat::Png);
  EXPECT_EQ(format_of_name("b.gif"), std::nullopt);
  EXPECT_EQ(format_of_name("png"), std::nullopt);
  for (const std::string& nothing : {std::string(), std::string("GIF89a"), std::string("\xFF"), std::string("RIFF")})
    EXPECT_ERROR(decode_picture(bytes_of(nothing), "x"), ErrorKind::BadFile, "x: not a PNG, JPEG or WebP");
}

TEST(PictureFormat, EveryFormatKeepsTheTexts) {
  const std::vector<TextChunk> texts{{"newbie", R"({"seed":7})"}};
  for (const PictureFormat format : {PictureFormat::Png, PictureFormat::Jpeg, PictureFormat::WebP})
    EXPECT_EQ(decode_picture(encode_picture(format, corners(), texts, 90), "x").texts, texts);
}

// One row of two rows of three: 0 1 2 / 3 4 5, turned the eight ways.
TEST(Orientation, TurnsAllEightWays) {
  Image image{.width = 3, .height = 2, .channels = 3, .pixels = {}};
  for (uint8_t v = 0; v < 6; ++v) image.pixels.insert(image.pixels.end(), {v, v, v});
  const std::vector<std::vector<int>> expected{{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                               {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                               {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image out = upright(image, orientation);
    EXPECT_EQ(out.width, orientation < 5 ? 3 : 2);
    std::vector<int> got;
    for (size_t i = 0; i < out.pixels.size(); i += 3) got.push_back(out.pixels[i]);
    EXPECT_EQ(got, expected[static_cast<size_t>(orientation) - 1]) << orientation;
  }
  EXPECT_ERROR(upright(image, 9), ErrorKind::InvalidRequest, "1 to 8");
}

TEST(Flatten, AlphaShowsTheBackground) {
  const Image image{.width = 3, .height = 1, .channels = 4, .pixels = {9, 9, 9, 0, 100, 0, 0, 128, 1, 2, 3, 255}};
  EXPECT_EQ(flatten(image, 255).pixels, (std::vector<uint8_t>{255, 255, 255, 177, 127, 127, 1, 2, 3}));
  EXPECT_EQ(flatten(corners(), 0), corners());
}

TEST(Flatten, AMaskIsBrightnessOverBlack) {
  const Image image{
      .width = 3, .height = 1, .channels = 4, .pixels = {255, 255, 255, 0, 255, 255, 255, 255, 255, 0, 0, 255}};
  EXPECT_EQ(mask_of(image).pixels, (std::vector<uint8_t>{0, 0, 0, 255, 255, 255, 76, 76, 76}));
}

TEST(Grid, FillsRowsAndLeavesTheRestBlack) {
  const auto flat = [](uint8_t v) {
    return Image{.width = 2, .height = 1, .channels = 3, .pixels = std::vector<uint8_t>(6, v)};
  };
  const std::vector<Image> three{flat(1), flat(2), flat(3)};
  const Image out = grid_of(three);
  ASSERT_EQ(out.width, 4);
  ASSERT_EQ(out.height, 2);
  std::vector<int> got;
  for (size_t i = 0; i < out.pixels.size(); i += 3) got.push_back(out.pixels[i]);
  EXPECT_EQ(got, (std::vector<int>{1, 1, 2, 2, 3, 3, 0, 0}));
  EXPECT_EQ(grid_of(std::span(three).first(1)), three[0]);
  EXPECT_ERROR(grid_of({}), ErrorKind::InvalidRequest, "no pictures");
  const std::vector<Image> mixed{flat(1), corners()};
  EXPECT_ERROR(grid_of(mixed), ErrorKind::InvalidRequest, "one size");
}

}  // namespace
}  // namespace newbie
