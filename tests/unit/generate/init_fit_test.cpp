// A picture to start from that has other proportions than the one to draw: cropped, padded or stretched.
#include "generate/init_fit.h"

#include <gtest/gtest.h>

#include "generate/init_picture.h"

namespace newbie::test {
namespace {

// Columns of one grey each: 10, 20, 30, …
Image columns(int width, int height) {
  Image out{.width = width, .height = height, .channels = 3, .pixels = {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) out.pixels.insert(out.pixels.end(), 3, static_cast<uint8_t>(10 * (x + 1)));
  return out;
}
uint8_t at(const Image& image, int x, int y) { return image.pixels[static_cast<size_t>(y * image.width + x) * 3]; }

GenerateRequest with(Image image, InitFit fit) {
  GenerateRequest r;
  r.init_image = std::move(image);
  r.init_fit = fit;
  return r;
}

TEST(InitFit, CropTakesTheMiddleAtItsOwnScale) {
  const auto fitted = init_picture(with(columns(8, 4), InitFit::Crop), {4, 4});
  EXPECT_EQ(fitted->picture.width, 4);
  for (int x = 0; x < 4; ++x) EXPECT_EQ(at(fitted->picture, x, 1), 10 * (x + 3));
}

TEST(InitFit, PadKeepsAllAndRepaintsTheRest) {
  GenerateRequest r = with(columns(8, 4), InitFit::Pad);
  r.mask = Image{.width = 8, .height = 4, .channels = 3, .pixels = std::vector<uint8_t>(8 * 4 * 3, 0)};
  const auto fitted = init_picture(r, {8, 8});
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) {
      EXPECT_EQ(at(fitted->picture, x, y), 10 * (x + 1));  // the edges go on
      EXPECT_EQ(at(*fitted->mask, x, y), y < 2 || y >= 6 ? 255 : 0) << y;
    }
}

TEST(InitFit, StretchTakesAllOutOfShape) {
  const auto fitted = init_picture(with(columns(8, 4), InitFit::Stretch), {8, 8});
  for (int x = 0; x < 8; ++x) EXPECT_EQ(at(fitted->picture, x, 7), 10 * (x + 1));
}

TEST(InitFit, ProportionsDifferByMoreThanRounding) {
  EXPECT_FALSE(has_other_proportions(columns(8, 4), {16, 8}));
  EXPECT_FALSE(has_other_proportions(columns(9, 4), {16, 8}));
  EXPECT_TRUE(has_other_proportions(columns(20, 12), {192, 128}));
}

TEST(InitFit, AnyShapeFitsAnySize) {
  for (const InitFit fit : {InitFit::Crop, InitFit::Pad, InitFit::Stretch})
    for (const auto& [width, height] : {std::pair(1, 1), std::pair(1, 20), std::pair(20, 1), std::pair(3, 19)}) {
      const auto fitted = init_picture(with(columns(width, height), fit), {16, 32});
      EXPECT_EQ(fitted->picture.width, 16);
      EXPECT_EQ(fitted->picture.height, 32);
    }
}

}  // namespace
}  // namespace newbie::test
