// Finding the format, turning upright, alpha, masks, grids.
#include "image/picture_format.h"

#include <cmath>

#include "core/files.h"
#include "image/flatten.h"
#include "image/grid.h"
#include "image/letters.h"
#include "image/mask.h"
#include "image/orientation.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/image/handmade_png.h"
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
  for (const std::string& nothing : {std::string(), std::string("GIF90a"), std::string("\xFF"), std::string("RIFF")})
    EXPECT_ERROR(decode_picture(bytes_of(nothing), "x"), ErrorKind::BadFile,
                 "x: not a PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF");
}

TEST(PictureFormat, EveryFormatKeepsTheTexts) {
  const std::vector<TextChunk> texts{{"newbie", R"({"seed":7})"}};
  for (const PictureFormat format : {PictureFormat::Png, PictureFormat::Jpeg, PictureFormat::WebP})
    EXPECT_EQ(decode_picture(encode_picture(format, corners(), texts, 90), "x").texts, texts);
}

// What a file says, without its pixels: the same as with them, whatever they would take.
TEST(PictureFormat, TextsComeWithoutPixels) {
  DecodeLimits limits;
  limits.texts_only = true;
  limits.max_memory_bytes = 0;
  const std::vector<TextChunk> texts{{"parameters", "1girl\nSteps: 28"}, {"newbie", R"({"seed":7})"}};
  for (const PictureFormat format : {PictureFormat::Png, PictureFormat::Jpeg, PictureFormat::WebP}) {
    const std::vector<std::byte> file = encode_picture(format, corners(), texts, 90);
    const DecodedPicture said = decode_picture(file, "x", limits);
    EXPECT_EQ(said.texts.size(), texts.size());
    EXPECT_EQ(said.texts, decode_picture(file, "x").texts);
    EXPECT_TRUE(said.image.pixels.empty());
  }
  for (const char* name : {"palette.png", "grey.jpg", "alpha.webp", "rgb.bmp", "plain.gif", "animated.gif",
                           "animated.png", "animated.webp"}) {
    const DecodedPicture whole = decode_picture(bytes_of(data_file(name)), name),
                         said = decode_picture(bytes_of(data_file(name)), name, limits);
    EXPECT_EQ(std::pair(said.image.width, said.image.height), std::pair(whole.image.width, whole.image.height)) << name;
    EXPECT_EQ(said.texts, whole.texts) << name;
    EXPECT_TRUE(said.image.pixels.empty()) << name;
  }
}

TEST(PictureFormat, TextsBehindPixelsAndBesideDamagedOnes) {
  const auto text = [](const std::string& value) {
    return test::chunk("tEXt", "newbie" + std::string(1, '\0') + value);
  };
  const std::string front = test::png_file({24, 16, 8, 2}, text("in front"), "no stream at all");
  const std::string behind = front.substr(0, front.size() - test::chunk("IEND", "").size()) +
                             test::chunk("IDAT", "more of it") + text("behind") + test::chunk("IEND", "");
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.png", behind);
  const DecodedPicture said = read_picture_texts(folder / "a.png");
  EXPECT_EQ(said.image.width, 24);
  ASSERT_EQ(said.texts.size(), 2u);
  EXPECT_EQ(said.texts[0].text, "in front");
  EXPECT_EQ(said.texts[1].text, "behind");
  // What is cut off before its texts end is damaged, as it is with pixels.
  write_file_atomically(folder / "a.png", std::string_view(behind).substr(0, behind.size() - 20));
  EXPECT_ERROR(read_picture_texts(folder / "a.png"), ErrorKind::BadFile, "damaged PNG");
  EXPECT_ERROR(read_picture_texts(folder / "b.png"), ErrorKind::BadFile, "b.png");
}

TEST(PictureFormat, BmpAndGif) {
  for (const char* name : {"rgb.bmp", "palette.bmp", "plain.gif", "interlaced.gif", "animated.gif", "animated.png"}) {
    const DecodedPicture picture = decode_picture(bytes_of(data_file(name)), name);
    EXPECT_EQ(test::largest_difference(picture.image, corners()), 0) << name;
    EXPECT_EQ(picture.is_animation, std::string(name).starts_with("animated")) << name;
  }
  // 256 colours, strings of every length, more codes than the table has.
  EXPECT_EQ(decode_picture(bytes_of(data_file("noise.gif")), "noise.gif").image,
            decode_picture(bytes_of(data_file("noise.png")), "noise.png").image);
  const Image bits = decode_picture(bytes_of(data_file("bits.bmp")), "bits.bmp").image;
  EXPECT_EQ(bits.pixels[0], 0);                         // red is dark
  EXPECT_EQ(bits.pixels[bits.pixels.size() - 1], 255);  // white is not
  // A header without a mask for alpha: the fourth byte means nothing.
  EXPECT_EQ(decode_picture(bytes_of(data_file("alpha.bmp")), "alpha.bmp").image, corners());
  // One with masks (BITMAPV4HEADER), from the top: a pixel of red, half seen.
  std::string masked("BM\0\0\0\0\0\0\0\0\x7a\0\0\0\x6c\0\0\0\1\0\0\0\xff\xff\xff\xff\1\0\x20\0\3\0\0\0", 34);
  masked += std::string(20, '\0') + std::string("\0\0\xff\0\0\xff\0\0\xff\0\0\0\0\0\0\xff", 16);
  masked += std::string(0x7a - masked.size(), '\0') + "\x01\x02\xff\x80";
  const Image alpha = decode_picture(bytes_of(masked), "masked.bmp").image;
  ASSERT_EQ(alpha.channels, 4);
  EXPECT_EQ(alpha.pixels, (std::vector<uint8_t>{255, 2, 1, 128}));
}

TEST(PictureFormat, OfAnAnimationTheFirstPictureIsTaken) {
  const DecodedPicture picture = decode_picture(bytes_of(data_file("animated.webp")), "animated.webp");
  EXPECT_TRUE(picture.is_animation);
  EXPECT_EQ(picture.image.width, 24);
  EXPECT_LT(test::largest_difference(flatten(picture.image, 255), corners()), 128);
}

// Every cut, and every bit turned over, of small files: a picture or an error, and no other way out.
TEST(PictureFormat, DamagedBmpAndGifAreErrorsOrPictures) {
  for (const char* name : {"rgb.bmp", "palette.bmp", "alpha.bmp", "plain.gif", "interlaced.gif", "animated.gif"}) {
    const std::string whole = data_file(name);
    const auto survives = [&](const std::string& bytes) {
      try {
        check_image(decode_picture(bytes_of(bytes), name).image);
      } catch (const Error& e) {
        EXPECT_TRUE(e.kind() == ErrorKind::BadFile || e.kind() == ErrorKind::Unsupported) << name << e.message();
      }
    };
    for (size_t cut = 0; cut < whole.size(); ++cut) survives(whole.substr(0, cut));
    for (size_t at = 0; at < whole.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
        survives(bytes);
      }
  }
  DecodeLimits small;
  small.max_side = 16;
  for (const char* name : {"rgb.bmp", "plain.gif"})
    EXPECT_ERROR(decode_picture(bytes_of(data_file(name)), name, small), ErrorKind::BadFile, "24x16");
  small = {.max_memory_bytes = 100};
  for (const char* name : {"rgb.bmp", "plain.gif"})
    EXPECT_ERROR(decode_picture(bytes_of(data_file(name)), name, small), ErrorKind::OverBudget, "MiB");
}

TEST(PictureFormat, OthersAreCalledByTheirNames) {
  using namespace std::string_literals;
  for (const auto& [bytes, name] : {std::pair{"II+\0aaaaaaaa"s, "BigTIFF"},
                                    {"\0\0\0\x1c"
                                     "ftypheic"s,
                                     "HEIC"},
                                    {"8BPSaaaaaaaa"s, "Photoshop"}})
    EXPECT_ERROR(decode_picture(bytes_of(bytes), "x"), ErrorKind::Unsupported, name);
}

TEST(Mask, IsSoftenedInvertedAndCut) {
  Image mask{.width = 9, .height = 5, .channels = 3, .pixels = std::vector<uint8_t>(9 * 5 * 3, 0)};
  EXPECT_FALSE(painted_box(mask));
  std::fill_n(mask.pixels.begin() + (2 * 9 + 4) * 3, 3, uint8_t{255});
  EXPECT_EQ(*painted_box(mask), (PixelBox{4, 2, 1, 1}));
  EXPECT_EQ(inverted(inverted(mask)), mask);
  EXPECT_EQ(softened(mask, 0), mask);
  const Image soft = softened(mask, 0.8);
  const auto at = [&](int x, int y) { return static_cast<int>(soft.pixels[static_cast<size_t>(y * 9 + x) * 3]); };
  EXPECT_EQ(at(3, 2), at(5, 2));
  EXPECT_EQ(at(4, 1), at(4, 3));
  EXPECT_GT(at(4, 2), at(3, 2));
  EXPECT_GT(at(3, 2), at(3, 1));
  // exp(0) and exp(-1/(2 · 0.64)) of a line, over their sum, both ways.
  const double side = std::exp(-0.5 / 0.64), far = std::exp(-2 / 0.64), third = std::exp(-4.5 / 0.64);
  const double sum = 1 + 2 * side + 2 * far + 2 * third;
  EXPECT_EQ(at(4, 2), std::lround(255 / sum / sum));
  EXPECT_EQ(at(3, 2), std::lround(255 * side / sum / sum));

  EXPECT_EQ(grown({4, 2, 1, 1}, 0, 10, 10, mask), (PixelBox{4, 2, 1, 1}));
  EXPECT_EQ(grown({4, 2, 1, 1}, 1, 10, 10, mask), (PixelBox{3, 1, 3, 3}));
  EXPECT_EQ(grown({0, 0, 1, 1}, 1, 20, 10, mask), (PixelBox{0, 0, 4, 2}));   // moved inside
  EXPECT_EQ(grown({4, 2, 1, 1}, 50, 10, 10, mask), (PixelBox{0, 0, 9, 5}));  // no further than the picture
  EXPECT_EQ(cut_out(mask, {4, 2, 1, 1}).pixels, (std::vector<uint8_t>{255, 255, 255}));
}

TEST(Grid, HasNamesBesideItsPictures) {
  const Image one = corners();
  const std::vector<Image> pictures{one, one, one, one};
  const std::vector<std::string> columns{"a", "a name that has no room at all"}, rows{"r 1", "r 2"};
  const Image grid = labelled_grid(pictures, columns, rows);
  EXPECT_GT(grid.width, 2 * 24);
  EXPECT_GT(grid.height, 2 * 16);
  size_t black = 0, red = 0;
  for (size_t i = 0; i < grid.pixels.size(); i += 3) {
    black += grid.pixels[i] == 0 && grid.pixels[i + 1] == 0 && grid.pixels[i + 2] == 0;
    red += grid.pixels[i] == 255 && grid.pixels[i + 1] == 0;
  }
  EXPECT_GT(black, 20u);        // letters
  EXPECT_EQ(red, 4u * 12 * 8);  // all four pictures, whole
  EXPECT_EQ(letters_in("aé\xFF"), 3);
  EXPECT_ERROR(labelled_grid(pictures, columns, columns.size() == 2 ? std::vector<std::string>{"x"} : rows),
               ErrorKind::InvalidRequest, "2 columns and 1 rows");
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
