// TIFF: every layout of other writers, and what must not be believed.
#include "image/tiff.h"

#include <zlib.h>

#include "image/orientation.h"
#include "image/picture_format.h"
#include "unit/core/expect_error.h"
#include "unit/image/picture_files.h"

namespace newbie {
namespace {

using test::bytes_of;
using test::corners;
using test::data_file;

Image decoded(const std::string& name) { return decode_picture(bytes_of(data_file(name)), name).image; }

// tests/reference/pictures.py's.
Image noise(int width, int height) {
  Image out{.width = width, .height = height, .channels = 3, .pixels = {}};
  for (uint32_t state = 1; out.pixels.size() < static_cast<size_t>(width) * static_cast<size_t>(height) * 3;) {
    state = state * 1664525 + 1013904223;
    out.pixels.push_back(static_cast<uint8_t>(state >> 24));
  }
  return out;
}

// A little-endian TIFF: a directory of (tag, type, values), then `data`, at 8 + what the directory takes. A value 0 of
// the tag of offsets stands for where `data` begins.
struct Row {
  uint16_t tag, type;
  std::vector<uint32_t> values;
};
std::string handmade(std::vector<Row> rows, const std::string& data) {
  const auto le = [](uint32_t v, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i) & 0xFF);
    return out;
  };
  size_t arrays = 0;
  for (const Row& r : rows)
    if (r.values.size() * (r.type == 3 ? 2 : 4) > 4) arrays += r.values.size() * (r.type == 3 ? 2 : 4);
  const size_t arrays_at = 8 + 2 + 12 * rows.size() + 4, data_at = arrays_at + arrays;
  std::string directory = le(static_cast<uint32_t>(rows.size()), 2), behind;
  for (Row& r : rows) {
    const int unit = r.type == 3 ? 2 : 4;
    std::string values;
    for (uint32_t v : r.values)
      values += le(r.tag == 273 || r.tag == 324 ? v + static_cast<uint32_t>(data_at) : v, unit);
    directory += le(r.tag, 2) + le(r.type, 2) + le(static_cast<uint32_t>(r.values.size()), 4);
    if (values.size() <= 4) {
      values.resize(4, '\0');
      directory += values;
    } else {
      directory += le(static_cast<uint32_t>(arrays_at + behind.size()), 4);
      behind += values;
    }
  }
  return "II" + le(42, 2) + le(8, 4) + directory + le(0, 4) + behind + data;
}

// Grey, 8 bits.
std::vector<Row> grey(uint32_t width, uint32_t height, uint32_t compression, uint32_t bytes) {
  return {{256, 4, {width}}, {257, 4, {height}}, {258, 3, {8}},          {259, 3, {compression}},
          {262, 3, {1}},     {273, 4, {0}},      {278, 4, {0xFFFFFFFF}}, {279, 4, {bytes}}};
}

std::string deflated(const std::string& plain) {
  uLongf size = compressBound(plain.size());
  std::string out(size, '\0');
  EXPECT_EQ(
      compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(plain.data()), plain.size()),
      Z_OK);
  out.resize(size);
  return out;
}

TEST(Tiff, ReadsEveryLayout) {
  for (const char* name : {"rgb.tif", "packbits.tif", "deflate.tif", "palette.tif", "cmyk.tif", "pages.tif"})
    EXPECT_EQ(test::largest_difference(decoded(name), corners()), 0) << name;
  for (const char* name : {"noise.tif", "tiles.tif", "apart.tif", "apart_tiles.tif", "big_endian.tif"})
    EXPECT_EQ(decoded(name), noise(37, 29)) << name;
  const Image bits = decoded("bits.tif");
  EXPECT_EQ(bits.pixels.front(), 0);   // red is dark
  EXPECT_EQ(bits.pixels.back(), 255);  // white is not
  for (const char* name : {"grey16.tif", "grey16_apart.tif"}) {
    const Image image = decoded(name);
    for (int y = 0; y < 16; ++y)
      for (int x = 0; x < 24; ++x)
        EXPECT_EQ(image.pixels[static_cast<size_t>(y * 24 + x) * 3], ((x * 2730 + y) * 255 + 32767) / 65535) << name;
  }
}

TEST(Tiff, KeepsAlphaTextsAndWhichWayIsUp) {
  const Image alpha = decoded("alpha.tif"), same = decoded("alpha.webp");
  ASSERT_EQ(alpha.channels, 4);
  for (size_t i = 0; i < alpha.pixels.size(); i += 4) {
    EXPECT_EQ(alpha.pixels[i + 3], same.pixels[i + 3]);
    EXPECT_EQ(alpha.pixels[i], corners().pixels[i / 4 * 3]);
  }
  const DecodedPicture turned = decode_picture(bytes_of(data_file("turned.tif")), "turned.tif");
  EXPECT_EQ(turned.image, upright(corners(), 6));
  EXPECT_EQ(turned.texts, (std::vector<TextChunk>{{"workflow", R"({"a":1})"}}));
  EXPECT_FALSE(turned.is_animation);
  EXPECT_TRUE(decode_picture(bytes_of(data_file("pages.tif")), "pages.tif").is_animation);

  // Multiplied by alpha when it was stored: 100 of 128 is 199 of 255. White is zero: 0 is white.
  const std::vector<Row> associated{{256, 4, {1}}, {257, 4, {1}}, {258, 3, {8, 8}}, {259, 3, {1}}, {262, 3, {1}},
                                    {273, 4, {0}}, {277, 3, {2}}, {278, 4, {1}},    {279, 4, {2}}, {338, 3, {1}}};
  EXPECT_EQ(decode_tiff(bytes_of(handmade(associated, "\x64\x80")), "x").image.pixels,
            (std::vector<uint8_t>{199, 199, 199, 128}));
  std::vector<Row> white_first = grey(2, 1, 1, 2);
  white_first[4].values = {0};
  EXPECT_EQ(decode_tiff(bytes_of(handmade(white_first, std::string("\0\xF0", 2))), "x").image.pixels,
            (std::vector<uint8_t>{255, 255, 255, 15, 15, 15}));
}

TEST(Tiff, OtherKindsAreCalledByTheirNames) {
  EXPECT_ERROR(decoded("fax.tif"), ErrorKind::Unsupported, "fax");
  EXPECT_ERROR(decoded("jpeg.tif"), ErrorKind::Unsupported, "JPEG");
  std::vector<Row> rows = grey(1, 1, 1, 1);
  rows.push_back({339, 3, {3}});
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(rows, "x")), "x"), ErrorKind::Unsupported, "numbers with points");
  rows = grey(1, 1, 1, 1);
  rows.insert(rows.begin(), {254, 4, {1}});
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(rows, "x")), "x"), ErrorKind::Unsupported, "small copy");
  rows = grey(1, 1, 50000, 1);
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(rows, "x")), "x"), ErrorKind::Unsupported, "Zstandard");
}

TEST(Tiff, DamageIsAnErrorOrAPicture) {
  const auto decode = [](std::span<const std::byte> b) { return decode_tiff(b, "t"); };
  for (const char* name : {"deflate.tif", "palette.tif", "cmyk.tif", "bits.tif", "grey16_apart.tif", "alpha.tif"})
    test::survives_damage(data_file(name), decode);
}

TEST(Tiff, HeadersPromiseNoMemoryAndNoTime) {
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(grey(100000, 1, 1, 1), "x")), "x"), ErrorKind::BadFile, "100000x1");
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(grey(0xFFFFFFFF, 0xFFFFFFFF, 1, 1), "x")), "x"), ErrorKind::BadFile,
               "sides");
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(grey(16000, 4000, 8, 1), "x")), "x", {.max_memory_bytes = 1 << 20}),
               ErrorKind::OverBudget, "16000x4000");
  // A strip that unpacks to a hundred times the picture: the picture is all that is unpacked.
  const std::string bomb = deflated(std::string(100000, '\7'));
  const Image image =
      decode_tiff(bytes_of(handmade(grey(20, 50, 8, static_cast<uint32_t>(bomb.size())), bomb)), "x").image;
  EXPECT_EQ(image.pixels, std::vector<uint8_t>(3000, 7));
  // One that unpacks to less.
  const std::string little = deflated("abc");
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(grey(2, 2, 8, static_cast<uint32_t>(little.size())), little)), "x"),
               ErrorKind::BadFile, "3 bytes, expected 4");
  // Strips that all lie on the same bytes.
  std::vector<Row> shared = grey(1000, 4, 8, 0);
  shared[5].values = {0, 0, 0, 0};
  shared[6].values = {1};
  shared[7].values = std::vector<uint32_t>(4, static_cast<uint32_t>(bomb.size()));
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(shared, bomb)), "x"), ErrorKind::BadFile, "share bytes");
  // Tiles far larger than the picture; none at all; strips without a place.
  std::vector<Row> tiles = grey(4, 4, 1, 16);
  tiles[5].tag = 324;
  tiles[6] = {322, 4, {1 << 20}};
  tiles[7] = {323, 4, {1 << 20}};
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(tiles, "x")), "x"), ErrorKind::BadFile, "1048576x1048576");
  tiles[6].values = tiles[7].values = {0};
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(tiles, "x")), "x"), ErrorKind::BadFile, "0x0");
  std::vector<Row> nowhere = grey(4, 4, 1, 16);
  nowhere.erase(nowhere.begin() + 5);
  EXPECT_ERROR(decode_tiff(bytes_of(handmade(nowhere, "x")), "x"), ErrorKind::BadFile, "tag 273");
}

}  // namespace
}  // namespace newbie
