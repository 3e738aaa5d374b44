// Colours of files against their own formulas: gamma, primaries, ICC profiles made here, grey ones, alpha, damage.
#include "image/colour.h"

#include <gtest/gtest.h>
#include <lcms2.h>

#include <cmath>

#include "image/png.h"
#include "unit/image/handmade_png.h"

namespace newbie {
namespace {

using test::as_bytes;
using test::chunk;

// IEC 61966-2-1, from light to stored.
double srgb(double light) { return light <= 0.0031308 ? 12.92 * light : 1.055 * std::pow(light, 1 / 2.4) - 0.055; }

Image ramp(int channels) {
  Image image{.width = 256, .height = 1, .channels = channels, .pixels = {}};
  for (int v = 0; v < 256; ++v)
    for (int c = 0; c < channels; ++c) image.pixels.push_back(static_cast<uint8_t>(c == 3 ? 255 - v : v));
  return image;
}

std::vector<std::byte> bytes_of(cmsHPROFILE profile) {
  cmsUInt32Number size = 0;
  EXPECT_TRUE(cmsSaveProfileToMem(profile, nullptr, &size));
  std::vector<std::byte> out(size);
  EXPECT_TRUE(cmsSaveProfileToMem(profile, out.data(), &size));
  cmsCloseProfile(profile);
  return out;
}

std::vector<std::byte> linear_icc() {
  cmsToneCurve* line = cmsBuildGamma(nullptr, 1);
  cmsToneCurve* curves[] = {line, line, line};
  const cmsCIExyY white{0.3127, 0.3290, 1};
  const cmsCIExyYTRIPLE primaries{{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}};
  const std::vector<std::byte> out = bytes_of(cmsCreateRGBProfile(&white, &primaries, curves));
  cmsFreeToneCurve(line);
  return out;
}

std::vector<std::byte> grey_icc() {
  cmsToneCurve* line = cmsBuildGamma(nullptr, 1);
  const std::vector<std::byte> out = bytes_of(cmsCreateGrayProfile(cmsD50_xyY(), line));
  cmsFreeToneCurve(line);
  return out;
}

// Of 8-bit tables: a level is half of one of them, and rounding another half.
void expect_srgb_of_light(const Image& image) {
  for (int v = 0; v < 256; ++v)
    for (int c = 0; c < 3; ++c)
      EXPECT_NEAR(image.pixels[static_cast<size_t>(v * image.channels + c)], 255 * srgb(v / 255.0), 1.0) << v;
}

TEST(Colour, WhatSaysNothingStays) {
  Image image = ramp(3);
  EXPECT_EQ(to_srgb(image, {}), "");
  EXPECT_EQ(image, ramp(3));
  EXPECT_EQ(to_srgb(image, {.icc = {}, .gamma = 1 / 2.2, .chromaticities = {}}), "");
  EXPECT_EQ(image, ramp(3)) << "gAMA 0.45455 is sRGB by another word";
}

TEST(Colour, LightIsTurnedToSrgbByGammaAndByProfile) {
  for (const ColourFacts& facts : {ColourFacts{{}, 1.0, {}}, ColourFacts{linear_icc(), {}, {}}}) {
    Image image = ramp(3);
    EXPECT_EQ(to_srgb(image, facts), "");
    expect_srgb_of_light(image);
  }
}

TEST(Colour, AlphaStaysAndGreyProfilesWork) {
  Image image = ramp(4);
  EXPECT_EQ(to_srgb(image, {grey_icc(), {}, {}}), "");
  expect_srgb_of_light(image);
  for (int v = 0; v < 256; ++v) EXPECT_EQ(image.pixels[static_cast<size_t>(v * 4 + 3)], 255 - v);
}

TEST(Colour, OtherPrimariesMoveColoursAndNotGreys) {
  const std::array<double, 8> adobe{0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06};
  Image image{.width = 2, .height = 1, .channels = 3, .pixels = {128, 128, 128, 60, 200, 60}};
  EXPECT_EQ(to_srgb(image, {{}, {}, adobe}), "");
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(image.pixels[static_cast<size_t>(c)], 128, 1);
  EXPECT_LT(image.pixels[3], 30) << "its green lies beyond sRGB's";
}

TEST(Colour, ProfilesThatCannotBeUsedAreTold) {
  Image image = ramp(3);
  EXPECT_NE(to_srgb(image, {std::vector<std::byte>(200, std::byte{7}), {}, {}}), "");
  std::vector<std::byte> cut = linear_icc();
  cut.resize(cut.size() / 2);
  EXPECT_NE(to_srgb(image, {cut, {}, {}}), "");
  EXPECT_EQ(image, ramp(3));
  EXPECT_NE(to_srgb(image, {bytes_of(cmsCreateLab4Profile(nullptr)), {}, {}}), "");
}

TEST(Colour, PngSaysGammaUnlessItSaysSrgb) {
  const Image image = ramp(3);
  const std::vector<std::byte> file = encode_png(image, {});
  std::string text(reinterpret_cast<const char*>(file.data()), file.size());
  const auto with = [&](const std::string& extra) {
    std::string out = text;
    return decode_png(as_bytes(out.insert(33, extra))).colours;  // behind IHDR
  };
  const std::string linear = chunk("gAMA", std::string("\x00\x01\x86\xA0", 4));  // 100000: 1
  EXPECT_TRUE(with("").is_srgb());
  EXPECT_EQ(with(linear).gamma, 1.0);
  EXPECT_TRUE(with(linear + chunk("sRGB", std::string(1, '\0'))).is_srgb());
}

}  // namespace
}  // namespace newbie
