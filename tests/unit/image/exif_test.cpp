// EXIF blocks: what is written is read, other writers' habits, and damage that must not matter.
#include "image/exif.h"

#include "image/picture_format.h"
#include "unit/core/expect_error.h"
#include "unit/image/picture_files.h"

namespace newbie {
namespace {

using test::bytes_of;

TEST(Exif, WhatIsWrittenIsRead) {
  const std::vector<TextChunk> texts{
      {"newbie", R"({"a":1})"}, {"prompt", "{}"}, {"workflow", "{ }"}, {"parameters", "ab 青い 🎨"}};
  EXPECT_EQ(read_exif(write_exif(texts)).texts, texts);
  EXPECT_TRUE(write_exif({}).empty());
  const std::vector<TextChunk> many{{"a", "{}"}, {"b", "{}"}, {"c", "{}"}, {"d", "{}"}};
  EXPECT_ERROR(write_exif(many), ErrorKind::InvalidRequest, "room for 3");
}

// A little-endian block with one directory that has a UserComment.
std::string little_endian(const std::string& comment) {
  const auto le = [](uint32_t v, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i) & 0xFF);
    return out;
  };
  return "II" + le(42, 2) + le(8, 4) + le(2, 2) +                                               //
         le(0x0112, 2) + le(3, 2) + le(1, 4) + le(8, 4) +                                       // orientation
         le(0x9286, 2) + le(7, 2) + le(static_cast<uint32_t>(comment.size()), 4) + le(38, 4) +  //
         le(0, 4) + comment;
}

std::string comment_of(const std::string& comment) {
  const Exif exif = read_exif(bytes_of(little_endian(comment)));
  EXPECT_EQ(exif.orientation, 8);
  return exif.texts.empty() ? "" : exif.texts[0].text;
}

TEST(Exif, ReadsCommentsInEveryDress) {
  const auto text = [](const char* bytes, size_t n) { return std::string(bytes, n); };
  EXPECT_EQ(comment_of(text("UNICODE\0a\0b\0", 12)), "ab");
  EXPECT_EQ(comment_of(text("UNICODE\0\0a\0b", 12)), "ab");
  EXPECT_EQ(comment_of(text("UNICODE\0\xFE\xFF\0a", 12)), "a");
  EXPECT_EQ(comment_of(text("UNICODE\0\xFF\xFE"
                            "a\0",
                            12)),
            "a");
  EXPECT_EQ(comment_of(text("UNICODE\0\xD8\x00\0a", 12)), "\uFFFDa");
  EXPECT_EQ(comment_of(text("ASCII\0\0\0plain", 13)), "plain");
  EXPECT_EQ(comment_of(text("\0\0\0\0\0\0\0\0caf\xE9", 12)), "café");
  EXPECT_EQ(comment_of("no code at all"), "no code at all");
}

TEST(Exif, DamageLeavesOut) {
  const std::vector<TextChunk> texts{{"newbie", R"({"a":1})"}, {"parameters", "some words"}};
  const std::vector<std::byte> block = write_exif(texts);
  for (size_t length = 0; length < block.size(); ++length)
    EXPECT_LE(read_exif(std::span(block).first(length)).texts.size(), 2u);
  for (size_t at = 0; at < block.size(); ++at)
    for (const int change : {1, 0x80, 0xFF}) {
      std::vector<std::byte> damaged = block;
      damaged[at] ^= static_cast<std::byte>(change);
      EXPECT_NO_THROW(read_exif(damaged));
    }
}

// In all three formats; Pillow wrote orientation 6: turned clockwise, blue comes to the upper left.
TEST(Exif, PicturesAreTurnedUpright) {
  for (const char* name : {"turned.jpg", "turned.png", "turned.webp"}) {
    const Image image = decode_picture(bytes_of(test::data_file(name)), name).image;
    ASSERT_EQ(image.width, 16) << name;
    ASSERT_EQ(image.height, 24) << name;
    EXPECT_NEAR(image.pixels[0], 0, 8) << name;
    EXPECT_NEAR(image.pixels[2], 255, 8) << name;
  }
}

// A directory of 65535 entries that all mean the same megabyte would be 64 GB of texts.
TEST(Exif, OfATagThatIsThereAgainTheFirstCounts) {
  const auto le = [](uint32_t v, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i) & 0xFF);
    return out;
  };
  constexpr uint32_t kEntries = 65535, kText = 1 << 20;
  std::string block = "II" + le(42, 2) + le(8, 4) + le(kEntries, 2);
  for (uint32_t i = 0; i < kEntries; ++i)
    block += le(0x9286, 2) + le(7, 2) + le(kText, 4) + le(10 + 12 * kEntries + 4, 4);
  block += le(0, 4) + std::string(kText, 'x');
  const Exif exif = read_exif(bytes_of(block));
  ASSERT_EQ(exif.texts.size(), 1U);
  EXPECT_EQ(exif.texts[0].text.size(), kText);
  EXPECT_TRUE(read_exif(bytes_of(block), kText - 1).texts.empty());
}

}  // namespace
}  // namespace newbie
