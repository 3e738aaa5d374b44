// Pixels to numbers and back (spec/vae.md §5).
#include "image/image.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unit/core/expect_error.h"

namespace newbie {
namespace {

TEST(Image, EveryByteSurvivesTheRoundTrip) {
  Image image{.width = 16, .height = 16, .channels = 3, .pixels = std::vector<uint8_t>(16 * 16 * 3)};
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i);
  const std::vector<float> floats = to_signed_floats(image);
  EXPECT_EQ(floats[0], -1.0f);
  EXPECT_EQ(floats[255], 1.0f);
  EXPECT_EQ(from_signed_floats(floats, 16, 16), image);
}

TEST(Image, RoundsHalfToEvenAndClamps) {
  const float inf = std::numeric_limits<float>::infinity();
  // x = 0 is 127.5: even is 128. x/2 + 0.5 = 1/255 · k + ½ cannot be hit exactly elsewhere but at ½ itself.
  const std::vector<float> values{0.0f, -1.0f, 1.0f, -1.5f, 7.0f, inf, -inf, std::nanf(""), 0.999f};
  const Image image = from_signed_floats(values, 3, 1);
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{128, 0, 255, 0, 255, 255, 0, 0, 255}));
}

TEST(Image, RefusesLengthsThatDoNotFit) {
  EXPECT_ERROR(from_signed_floats(std::vector<float>(11), 2, 2), ErrorKind::InvalidRequest,
               "expected 12 numbers, got 11");
  EXPECT_ERROR(from_signed_floats({}, 0, 2), ErrorKind::InvalidRequest, "0x2");
  EXPECT_ERROR(to_signed_floats({.width = 2, .height = 2, .channels = 3, .pixels = {1, 2}}), ErrorKind::InvalidRequest,
               "expected 12 bytes, got 2");
  EXPECT_ERROR(check_image({.width = 1, .height = 1, .channels = 2, .pixels = {1, 2}}), ErrorKind::InvalidRequest,
               "2 channels");
}

}  // namespace
}  // namespace newbie
