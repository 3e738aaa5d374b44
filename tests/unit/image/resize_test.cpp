// Resizing equals Pillow's to the byte (golden), and a few laws.
#include "image/resize.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "core/checked.h"
#include "core/files.h"
#include "core/json.h"
#include "unit/core/expect_error.h"

namespace newbie {
namespace {

// One uint8 tensor [height, width, 3] of a safetensors file as a picture.
Image golden_image(const std::string& file, const std::string& name) {
  const MappedFile mapped(std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/golden/data" / file);
  const std::span<const std::byte> bytes = mapped.bytes();
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) fail(ErrorKind::BadFile, "{}: too short", file);
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > bytes.size() - sizeof header_bytes) fail(ErrorKind::BadFile, "{}: header too long", file);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof header_bytes, header_bytes);
  const Json entry = parse_json(text, file).at(name);
  EXPECT_EQ(entry.at("dtype"), "U8");
  const auto shape = entry.at("shape").get<std::vector<int>>();
  const auto range = entry.at("data_offsets").get<std::vector<size_t>>();
  Image image{.width = shape.at(1), .height = shape.at(0), .channels = shape.at(2), .pixels = {}};
  const std::span<const std::byte> data =
      bytes.subspan(sizeof header_bytes + header_bytes).subspan(range.at(0), range.at(1) - range.at(0));
  image.pixels.resize(data.size());
  std::memcpy(image.pixels.data(), data.data(), data.size());
  check_image(image);
  return image;
}

Image stripes(int width, int height) {
  Image image{.width = width, .height = height, .channels = 3, .pixels = {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) image.pixels.push_back(static_cast<uint8_t>((x * 37 + y * 91 + c * 53) ^ (x * y)));
  return image;
}

TEST(Resize, EqualsPillowOnTheGolden) {
  const Image source = golden_image("clip_vision.safetensors", "resized_source");
  ASSERT_EQ(source.width, 200);
  ASSERT_EQ(source.height, 168);
  const Image shorter = resize_shorter_side(source, 128);
  EXPECT_EQ(shorter.width, 152);
  EXPECT_EQ(shorter.height, 128);
  EXPECT_EQ(center_crop(shorter, 128, 128), golden_image("clip_vision.safetensors", "resized_128"));
}

// The picture of tests/reference/pictures.py.
Image congruential_noise(int width, int height) {
  Image image{.width = width, .height = height, .channels = 3, .pixels = {}};
  uint32_t state = 1;
  for (int i = 0; i < width * height * 3; ++i) {
    state = state * 1664525 + 1013904223;
    image.pixels.push_back(static_cast<uint8_t>(state >> 24));
  }
  return image;
}

TEST(Resize, LanczosAndBilinearEqualPillow) {
  const std::string text =
      read_file(std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/unit/image/data/resized.json", size_t{1} << 20);
  const Json rows = parse_json(text, "resized.json");
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    const auto from = row["from"].get<std::vector<int>>(), to = row["to"].get<std::vector<int>>();
    const Image source = congruential_noise(from.at(0), from.at(1));
    const Image out = row["filter"] == "lanczos" ? resize_lanczos(source, to.at(0), to.at(1))
                                                 : resize_bilinear(source, to.at(0), to.at(1));
    std::string hex;
    for (const uint8_t p : out.pixels) hex += fmt::format("{:02x}", p);
    EXPECT_EQ(hex, row["pixels"].get<std::string>()) << row["filter"] << " " << from[0] << "x" << from[1];
  }
}

TEST(Resize, ASideThatKeepsItsSizeIsNotTouched) {
  const Image image = stripes(7, 5);
  EXPECT_EQ(resize_bicubic(image, 7, 5), image);
}

TEST(Resize, AFlatPictureStaysFlat) {
  const Image flat{.width = 13, .height = 9, .channels = 3, .pixels = std::vector<uint8_t>(13 * 9 * 3, 201)};
  for (const auto& [w, h] : {std::pair{1, 1}, {3, 40}, {26, 18}, {5, 4}}) {
    const Image out = resize_bicubic(flat, w, h);
    EXPECT_EQ(out.pixels, std::vector<uint8_t>(static_cast<size_t>(w * h * 3), 201)) << w << "x" << h;
  }
}

TEST(Resize, OvershootStaysInRange) {
  Image edge{.width = 8, .height = 8, .channels = 3, .pixels = std::vector<uint8_t>(8 * 8 * 3, 0)};
  for (size_t i = 0; i < edge.pixels.size(); ++i)
    if (i / 3 % 8 >= 4) edge.pixels[i] = 255;
  const Image out = resize_bicubic(edge, 32, 8);
  EXPECT_EQ(out.pixels[0], 0);
  EXPECT_EQ(out.pixels[31 * 3], 255);
  for (size_t x = 0; x + 1 < 12; ++x)
    EXPECT_LE(out.pixels[x * 3], 1) << x;  // no wrap-around where bicubic dips below 0
}

TEST(Resize, ShorterSideKeepsTheProportions) {
  const Image tall = resize_shorter_side(stripes(10, 33), 5);
  EXPECT_EQ(tall.width, 5);
  EXPECT_EQ(tall.height, 16);                                         // 16.5 without its fraction
  EXPECT_EQ(resize_shorter_side(stripes(640, 480), 128).width, 170);  // 170.67
  const Image square = resize_shorter_side(stripes(6, 6), 9);
  EXPECT_EQ(square.width, 9);
  EXPECT_EQ(square.height, 9);
}

// Pictures of which one side is longer, very much so, or by an odd number of pixels.
TEST(Resize, EqualsTorchvisionOnPicturesThatAreNotSquare) {
  const struct {
    int width, height;
  } sizes[] = {{640, 480}, {480, 640}, {128, 171}, {171, 128}, {20, 600},
               {600, 20},  {133, 100}, {100, 135}, {50, 37},   {9, 11}};
  for (const auto& size : sizes)
    for (const int side : {24, 25}) {
      const std::string name = fmt::format("{}x{}/{}", size.width, size.height, side);
      EXPECT_EQ(center_crop(resize_shorter_side(stripes(size.width, size.height), side), side, side),
                golden_image("geometry.safetensors", name))
          << name;
    }
}

TEST(Resize, CropTakesTheMiddle) {  // of the rest of three, 1.5 is rounded to 2
  const Image image = stripes(7, 6);
  const Image crop = center_crop(image, 4, 3);
  ASSERT_EQ(crop.pixels.size(), 4u * 3 * 3);
  for (size_t y = 0; y < 3; ++y)
    for (size_t i = 0; i < 4 * 3; ++i) EXPECT_EQ(crop.pixels[y * 12 + i], image.pixels[(y + 2) * 21 + 2 * 3 + i]);
}

TEST(Resize, RefusesTheImpossible) {
  const Image image = stripes(4, 4);
  EXPECT_ERROR(resize_bicubic(image, 0, 4), ErrorKind::InvalidRequest, "width");
  EXPECT_ERROR(resize_bicubic(image, 4, kMaxResizedSide + 1), ErrorKind::InvalidRequest, "height");
  EXPECT_ERROR(resize_shorter_side(stripes(2, 64), 4000), ErrorKind::InvalidRequest, "at most");
  EXPECT_ERROR(center_crop(image, 5, 4), ErrorKind::InvalidRequest, "out of a picture of 4x4");
  EXPECT_ERROR(resize_bicubic({.width = 1, .height = 1, .channels = 4, .pixels = {1, 2, 3, 4}}, 2, 2),
               ErrorKind::Unsupported, "4 channels");
}

}  // namespace
}  // namespace newbie
