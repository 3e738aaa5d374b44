// PNG: what we write comes back, kinds we never write are understood, and damaged files are errors, never crashes.
#include "image/png.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "unit/core/expect_error.h"
#include "unit/image/handmade_png.h"

namespace newbie {
namespace {

using test::as_bytes;
using test::chunk;
using test::png_file;

Image pattern(int width, int height, int channels) {
  Image image{.width = width, .height = height, .channels = channels, .pixels = {}};
  const size_t n = pixel_bytes(width, height, channels);
  for (size_t i = 0; i < n; ++i) image.pixels.push_back(static_cast<uint8_t>(i * i * 7 + i / 5));
  return image;
}

std::string as_string(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Png, PicturesAndTextsComeBack) {
  const std::vector<TextChunk> texts{{"parameters", "1girl, solo\nNegative prompt: blurry\nSteps: 20"},
                                     {"Comment", "初音ミク, café 🎨"},
                                     {"Empty", ""}};
  for (const int channels : {3, 4}) {
    const Image image = pattern(19, 11, channels);
    const DecodedPicture back = decode_png(encode_png(image, texts));
    EXPECT_EQ(back.image, image);
    EXPECT_EQ(back.texts, texts);
  }
}

TEST(Png, AsciiTextIsPlainAndOtherTextInternational) {
  const std::vector<TextChunk> texts{{"parameters", "plain"}, {"parameters", "naïve"}};
  const std::string file = as_string(encode_png(pattern(2, 2, 3), texts));
  EXPECT_NE(file.find(chunk("tEXt", std::string("parameters\0plain", 16))), std::string::npos);
  EXPECT_NE(file.find(chunk("iTXt", std::string("parameters\0\0\0\0\0", 15) + "naïve")), std::string::npos);
}

TEST(Png, TheSamePictureGivesTheSameBytes) {
  const std::vector<TextChunk> texts{{"parameters", "x"}};
  EXPECT_EQ(encode_png(pattern(31, 7, 3), texts), encode_png(pattern(31, 7, 3), texts));
}

TEST(Png, RefusesWhatAFileCannotHold) {
  const Image image = pattern(2, 2, 3);
  const auto with_text = [&](std::string key, std::string text) {
    const std::vector<TextChunk> texts{{std::move(key), std::move(text)}};
    return encode_png(image, texts);
  };
  for (const std::string& key : {std::string(), std::string(80, 'k'), std::string(" k"), std::string("k "),
                                 std::string("a  b"), std::string("a\nb"), std::string("é")})
    EXPECT_ERROR(with_text(key, "x"), ErrorKind::InvalidRequest, "text key");
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xc0\xaf"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\xe3\x81")})
    EXPECT_ERROR(with_text("k", text), ErrorKind::InvalidRequest, "UTF-8");
  EXPECT_EQ(decode_png(with_text(std::string(79, 'k'), "x")).texts[0].key, std::string(79, 'k'));
  EXPECT_ERROR(encode_png({.width = 2, .height = 2, .channels = 3, .pixels = {0}}), ErrorKind::InvalidRequest,
               "expected 12 bytes, got 1");
}

TEST(Png, PalettesGreyAndSixteenBitsBecomeEightBitRgb) {
  const std::string palette = chunk("PLTE", std::string("\x01\x02\x03\x0a\x0b\x0c", 6));
  // Two pixels of one bit: entry 0, entry 1.
  const std::string indexed = png_file({2, 1, 1, 3}, palette, std::string("\0\x40", 2));
  EXPECT_EQ(decode_png(as_bytes(indexed)).image,
            (Image{.width = 2, .height = 1, .channels = 3, .pixels = {1, 2, 3, 10, 11, 12}}));
  const std::string see_through = png_file({2, 1, 1, 3}, palette + chunk("tRNS", "\x80"), std::string("\0\x40", 2));
  EXPECT_EQ(decode_png(as_bytes(see_through)).image,
            (Image{.width = 2, .height = 1, .channels = 4, .pixels = {1, 2, 3, 128, 10, 11, 12, 255}}));
  // Grey of four bits: 0x5 is 0x55.
  const std::string grey = png_file({2, 1, 4, 0}, "", std::string("\0\x5f", 2));
  EXPECT_EQ(decode_png(as_bytes(grey)).image,
            (Image{.width = 2, .height = 1, .channels = 3, .pixels = {85, 85, 85, 255, 255, 255}}));
  // 16 bits are scaled with rounding: 0x80ff / 257 = 128.49…, 0x00c0 / 257 = 0.75.
  const std::string deep = png_file({1, 1, 16, 2}, "", std::string("\0\x80\xff\x00\xc0\xff\xff", 7));
  EXPECT_EQ(decode_png(as_bytes(deep)).image, (Image{.width = 1, .height = 1, .channels = 3, .pixels = {128, 1, 255}}));
}

TEST(Png, InterlacedRowsFallIntoPlace) {
  // 3x1 grey, Adam7: pass 1 holds column 0, pass 4 (every 4 from 2) column 2, pass 6 (odd columns) column 1.
  const std::string file = png_file({3, 1, 8, 0, 1}, "", std::string("\0\x0a\0\x1e\0\x14", 6));
  EXPECT_EQ(decode_png(as_bytes(file)).image,
            (Image{.width = 3, .height = 1, .channels = 3, .pixels = {10, 10, 10, 20, 20, 20, 30, 30, 30}}));
}

const test::Header kGrey1x1{1, 1, 8, 0};
const std::string kGreyRow("\0\x07", 2);

TEST(Png, LatinTextBecomesUtf8) {
  const std::string file = png_file(kGrey1x1, chunk("tEXt", std::string("Author\0caf\xe9", 11)), kGreyRow);
  EXPECT_EQ(decode_png(as_bytes(file)).texts, (std::vector<TextChunk>{{"Author", "café"}}));
}

TEST(Png, TextAfterThePictureIsReadToo) {
  const std::string file = test::signature_and_header(kGrey1x1) + chunk("IDAT", test::zlib_stored(kGreyRow)) +
                           chunk("tEXt", std::string("k\0v", 3)) + chunk("IEND", "");
  EXPECT_EQ(decode_png(as_bytes(file)).texts, (std::vector<TextChunk>{{"k", "v"}}));
}

TEST(Png, LimitsAreCheckedBeforeMemoryIsTaken) {
  const std::vector<TextChunk> texts{{"k", std::string(5000, 'x')}};
  const std::vector<std::byte> file = encode_png(pattern(20, 10, 3), texts);
  EXPECT_ERROR(decode_png(file, "a.png", {.max_side = 19}), ErrorKind::BadFile, "a.png: a picture of 20x10");
  EXPECT_ERROR(decode_png(file, "a.png", {.max_pixels = 199}), ErrorKind::BadFile, "up to 199 pixels");
  EXPECT_ERROR(decode_png(file, "a.png", {.max_text_bytes = 5000}), ErrorKind::BadFile, "5001 bytes of text");
  EXPECT_EQ(decode_png(file, "a.png", {.max_side = 20, .max_pixels = 200, .max_text_bytes = 5001}).texts, texts);
  // A header that promises four billion pixels a side costs nothing.
  const std::string huge = png_file({0x7fffffff, 0x7fffffff, 8, 6}, "", "");
  EXPECT_ERROR(decode_png(as_bytes(huge)), ErrorKind::BadFile, "2147483647x2147483647");
  const std::string empty = png_file({0, 5, 8, 2}, "", "");
  EXPECT_ERROR(decode_png(as_bytes(empty)), ErrorKind::BadFile, "0x5");
}

TEST(Png, ATextBombDoesNotUnpack) {
  // 40 kB that unpack to 6.4 MB: with room they do, without room the entry is left out.
  const std::string bomb =
      png_file(kGrey1x1, chunk("zTXt", std::string("k\0\0", 3) + test::zlib_bomb(25000)), kGreyRow);
  const std::vector<TextChunk> unpacked = decode_png(as_bytes(bomb)).texts;
  ASSERT_EQ(unpacked.size(), 1u);
  EXPECT_EQ(unpacked[0].text.size(), 1u + 258 * 25000);
  EXPECT_TRUE(decode_png(as_bytes(bomb), "b", {.max_text_bytes = 100'000}).texts.empty());
  std::string many;
  for (int k = 0; k < 100; ++k) many += chunk("tEXt", std::string("k\0", 2) + std::string(60'000, 'y'));
  EXPECT_ERROR(decode_png(as_bytes(png_file(kGrey1x1, many, kGreyRow)), "b", {.max_text_bytes = 100'000}),
               ErrorKind::BadFile, "text entries");
}

TEST(Png, RefusesWhatIsNotAPicture) {
  EXPECT_ERROR(decode_png({}, "x"), ErrorKind::BadFile, "x: expected at least");
  EXPECT_ERROR(decode_png(as_bytes(std::string(100, 'j')), "x"), ErrorKind::BadFile, "not a PNG");
  const std::string short_data = png_file({4, 4, 8, 0}, "", std::string(7, '\0'));
  EXPECT_ERROR(decode_png(as_bytes(short_data), "x"), ErrorKind::BadFile, "x: damaged PNG");
}

TEST(Png, EveryTruncationIsAnError) {
  const std::vector<TextChunk> texts{{"parameters", "plain"}, {"other", "ünï"}};
  const std::vector<std::byte> file = encode_png(pattern(9, 5, 3), texts);
  for (size_t n = 0; n < file.size(); ++n) {
    const std::vector<std::byte> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));  // no slack behind
    EXPECT_THROW(decode_png(cut), Error) << n << " of " << file.size();
  }
}

TEST(Png, FlippedBytesAreErrorsOrPictures) {
  const std::vector<TextChunk> texts{{"parameters", "plain"}, {"other", "ünï"}};
  const std::string indexed = png_file({5, 1, 2, 3},
                                       chunk("PLTE", std::string(12, '\x21')) + chunk("tRNS", "\x80") +
                                           chunk("zTXt", std::string("k\0\0", 3) + test::zlib_stored("text")),
                                       std::string("\0\x1b\xc0", 3));
  int readable = 0;
  for (const std::string& file : {as_string(encode_png(pattern(9, 5, 4), texts)), indexed}) {
    ASSERT_NO_THROW(decode_png(as_bytes(file)));
    for (size_t i = 0; i < file.size(); ++i)
      for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
        std::string bad = file;
        bad[i] = static_cast<char>(bad[i] ^ mask);
        try {
          const DecodedPicture back = decode_png(as_bytes(bad));
          EXPECT_NO_THROW(check_image(back.image));
          ++readable;
        } catch (const Error& e) {
          EXPECT_EQ(e.kind(), ErrorKind::BadFile) << "byte " << i << ": " << e.message();
        }
      }
  }
  EXPECT_GT(readable, 0);  // damage in a text entry costs the entry, not the picture
}

// Black pixels, and behind them in the same stream what would be megabytes of work; a little is nobody's harm.
TEST(Png, WhatLiesBehindThePixelsIsNotUnpacked) {
  for (const int interlace : {0, 1})
    for (const auto& [runs, fine] : {std::pair<size_t, bool>(300, true), std::pair<size_t, bool>(90000, false)}) {
      const std::string file = test::signature_and_header({4, 4, 8, 2, interlace}) +
                               chunk("IDAT", test::zlib_bomb(runs, '\0')) + chunk("IEND", "");
      if (fine) {
        EXPECT_EQ(decode_png(as_bytes(file)).image.pixels, std::vector<uint8_t>(4 * 4 * 3, 0));
      } else {
        EXPECT_ERROR(decode_png(as_bytes(file)), ErrorKind::BadFile, "more picture data than its size needs");
      }
    }
}

TEST(Png, MemoryIsAskedForByTheHeader) {
  const std::vector<std::byte> file = encode_png(pattern(64, 64, 3), {});
  DecodeLimits limits;
  limits.max_memory_bytes = 1000;
  EXPECT_ERROR(decode_png(file, "a.png", limits), ErrorKind::OverBudget, "a.png: a picture of 64x64 takes");
  limits.max_memory_bytes = size_t{1} << 20;
  EXPECT_EQ(decode_png(file, "a.png", limits).image.width, 64);
}

TEST(Png, TextOfLatinChunksMayBeUtf8) {
  const std::string plain = as_string(encode_png(pattern(4, 4, 3), {}));
  const auto read = [&](const std::string& text) {
    std::string file = plain;
    return decode_png(as_bytes(file.insert(33, chunk("tEXt", "parameters" + std::string(1, '\0') + text))))
        .texts.at(0)
        .text;
  };
  EXPECT_EQ(read("1girl, 青い髪"), "1girl, 青い髪");
  EXPECT_EQ(read("caf\xE9"), "café");
}

}  // namespace
}  // namespace newbie
