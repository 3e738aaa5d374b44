// AVIF: what avifenc wrote is read as avifdec reads it, and damage is told.
#include "image/avif.h"

#include "image/avif_container.h"
#include "image/flatten.h"
#include "image/orientation.h"
#include "image/picture_format.h"
#include "image/yuv.h"
#include "unit/core/expect_error.h"
#include "unit/image/picture_files.h"

namespace newbie {
namespace {

using test::bytes_of;
using test::corners;
using test::data_file;
using test::largest_difference;

TEST(Avif, IsKnownByItsBrands) {
  EXPECT_TRUE(is_avif(bytes_of(data_file("lossless.avif"))));
  const std::string other(
      "\0\0\0\x18"
      "ftypmif1\0\0\0\0miafavif",
      24),
      heic(
          "\0\0\0\x18"
          "ftypheic\0\0\0\0mif1heic",
          24);
  EXPECT_TRUE(is_avif(bytes_of(other)));
  EXPECT_FALSE(is_avif(bytes_of(heic)));
  EXPECT_FALSE(is_avif(bytes_of(std::string_view(other).substr(0, 15))));
}

// 2 x 1, halved: 4:2:2 of BT.601, full range. Red is (76, 85, 255), blue (29, 255, 107).
TEST(Avif, ColourDifferences) {
  const uint8_t y[] = {76, 76}, u[] = {85}, v[] = {255};
  YuvPicture red{.width = 2, .height = 1};
  red.half_width = true;
  red.full_range = true;
  red.planes = {y, u, v};
  red.row_bytes = {2, 1, 1};
  Image canvas{.width = 3, .height = 1, .channels = 4, .pixels = std::vector<uint8_t>(12, 9)};
  paint_yuv(red, canvas, 1, 0);
  EXPECT_EQ(canvas.pixels[0], 9);  // nothing beside it
  EXPECT_NEAR(canvas.pixels[4], 254, 1);
  EXPECT_NEAR(canvas.pixels[5], 0, 1);
  EXPECT_NEAR(canvas.pixels[6], 0, 1);
  EXPECT_EQ(canvas.pixels[7], 9);  // alpha
  paint_alpha(red, canvas, 2, 0);  // half of it lies outside
  EXPECT_EQ(canvas.pixels[11], 76);
  EXPECT_FALSE(is_known_matrix(14));
}

#ifdef NEWBIE_NO_AVIF

TEST(Avif, IsRefusedByABuildWithoutItsLibrary) {
  EXPECT_ERROR(decode_picture(bytes_of(data_file("lossless.avif")), "x"), ErrorKind::Unsupported, "reads no AVIF");
}

#else

DecodedPicture decoded(const std::string& name) { return decode_picture(bytes_of(data_file(name)), name); }

TEST(Avif, LosslessPicturesAreExact) {
  EXPECT_EQ(decoded("lossless.avif").image, corners());
  EXPECT_EQ(decoded("turned.avif").image, upright(corners(), 6));
  EXPECT_EQ(decoded("turned_mirrored.avif").image, upright(corners(), 5));
  EXPECT_EQ(decoded("cut.avif").image, cut_out(corners(), {2, 2, 20, 12}));
}

// Within two levels: libyuv's weights have fractions of six bits.
TEST(Avif, IsReadAsItsOwnLibraryReadsIt) {
  for (const std::string name :
       {"rgb444_limited", "bits10", "bits12", "bt2020", "ycgco", "grey", "alpha", "rgb420", "rgb422", "grid"}) {
    const Image want = decode_picture(bytes_of(data_file(name + ".avif.png")), name).image;
    EXPECT_LE(largest_difference(decoded(name + ".avif").image, want), 2) << name;
  }
  // Two pictures side by side, halved: at the seam, between x = 65 and 66, each has its own colours alone.
  const Image want = decode_picture(bytes_of(data_file("grid_alpha.avif.png")), "grid").image;
  const Image grid = decoded("grid_alpha.avif").image;
  ASSERT_EQ(grid.pixels.size(), want.pixels.size());
  for (size_t i = 0; i < grid.pixels.size(); ++i) {
    const size_t x = i / 4 % 132;
    if (i % 4 == 3 || (x != 65 && x != 66)) {
      EXPECT_NEAR(grid.pixels[i], want.pixels[i], 2) << i;
    }
  }
}

TEST(Avif, PremultipliedColoursAreDivided) {
  const Image want = decoded("alpha.avif").image, image = decoded("premultiplied.avif").image;
  ASSERT_EQ(image.channels, 4);
  for (size_t i = 0; i < image.pixels.size(); i += 4)
    if (want.pixels[i + 3] > 200) {
      EXPECT_NEAR(image.pixels[i], want.pixels[i], 12) << i;
    }
}

TEST(Avif, SaysWhatElseIsInTheFile) {
  EXPECT_TRUE(decoded("lossless.avif").colours.is_srgb());
  EXPECT_FALSE(decoded("lossless.avif").is_animation);
  const DecodedPicture film = decoded("animated.avif");
  EXPECT_TRUE(film.is_animation);
  EXPECT_LE(largest_difference(flatten(film.image, 255), corners()), 2);
  const DecodedPicture a1111 = decoded("a1111.avif");
  EXPECT_EQ(a1111.texts, (std::vector<TextChunk>{{"parameters", "1girl, 青い\nSteps: 20"}}));
  EXPECT_FALSE(a1111.colours.icc.empty());
  EXPECT_EQ(a1111.image, upright(corners(), 6));  // by the container, into which avifenc put it; EXIF says it again
  DecodedPicture p3 = decoded("p3.avif");
  ASSERT_TRUE(p3.colours.chromaticities);
  const uint8_t green = p3.image.pixels[3 * 20 + 1], red_of_green = p3.image.pixels[3 * 20];
  EXPECT_EQ(to_srgb(p3.image, p3.colours), "");
  EXPECT_GT(green, 250);
  EXPECT_LE(p3.image.pixels[3 * 20], red_of_green);  // outside of what sRGB can show
  EXPECT_ERROR(decoded("pq.avif"), ErrorKind::Unsupported, "PQ");
}

TEST(Avif, DamageIsAnErrorOrAPicture) {
  const auto decode = [](std::span<const std::byte> b) { return decode_avif(b, "t", {.max_pixels = 1 << 16}); };
  for (const char* name : {"lossless.avif", "grey.avif", "alpha.avif"}) test::survives_damage(data_file(name), decode);
}

TEST(Avif, HeadersPromiseNoMemory) {
  const std::string file = data_file("lossless.avif");
  EXPECT_ERROR(decode_avif(bytes_of(file), "t", {.max_side = 20}), ErrorKind::BadFile, "24x16");
  EXPECT_ERROR(decode_avif(bytes_of(file), "t", {.max_pixels = 100}), ErrorKind::BadFile, "24x16");
  EXPECT_ERROR(decode_avif(bytes_of(file), "t", {.max_memory_bytes = 100}), ErrorKind::OverBudget, "MiB");
  // Of another size than its container says.
  std::string larger = file;
  const size_t size = larger.find("ispe") + 8;
  larger[size + 3] = 25;
  EXPECT_ERROR(decode_avif(bytes_of(larger), "t"), ErrorKind::BadFile, "25x16");
  larger[size + 2] = larger[size + 6] = '\x10';  // 4121 x 4112
  EXPECT_ERROR(decode_avif(bytes_of(larger), "t"), ErrorKind::BadFile, "4121x4112");
}

#endif

}  // namespace
}  // namespace newbie
