// What tests of picture files share: files of data/, small pictures, distances, and damage.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "core/error.h"
#include "core/files.h"
#include "image/picture_file.h"

namespace newbie::test {

inline std::string data_file(const std::string& name) {
  return read_file(std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/unit/image/data" / name, size_t{1} << 20);
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Red, green, blue and white quarters, 24x16: data/'s pictures (tests/reference/pictures.py).
inline Image corners() {
  Image image{.width = 24, .height = 16, .channels = 3, .pixels = {}};
  constexpr uint8_t kColours[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 24; ++x)
      for (uint8_t value : kColours[(x >= 12) + 2 * (y >= 8)]) image.pixels.push_back(value);
  return image;
}

inline int largest_difference(const Image& a, const Image& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.channels, b.channels);
  if (a.pixels.size() != b.pixels.size()) return 256;
  int out = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) out = std::max(out, std::abs(a.pixels[i] - b.pixels[i]));
  return out;
}

using Decoder = std::function<DecodedPicture(std::span<const std::byte>)>;

// Every truncation is Error{BadFile}; every flipped byte is a picture of legal size or an Error, never anything else.
inline void survives_damage(const std::string& file, const Decoder& decode) {
  for (size_t length = 0; length < file.size(); ++length) {
    try {
      decode(bytes_of(std::string_view(file).substr(0, length)));
      // A last byte that carries nothing may be missing.
      EXPECT_GE(length + 2, file.size()) << "accepted when cut to " << length << " of " << file.size();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::BadFile) << length << ": " << e.message();
    }
  }
  for (size_t at = 0; at < file.size(); ++at)
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      try {
        check_image(decode(bytes_of(damaged)).image);
      } catch (const Error& e) {
        EXPECT_TRUE(e.kind() == ErrorKind::BadFile || e.kind() == ErrorKind::Unsupported) << e.message();
      }
    }
}

}  // namespace newbie::test
