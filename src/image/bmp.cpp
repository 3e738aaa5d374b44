#include "image/bmp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "image/byte_reader.h"

namespace newbie {

namespace {

enum Compression : uint32_t { kPlain = 0, kRunLength8 = 1, kRunLength4 = 2, kMasks = 3, kAlphaMasks = 6 };

struct BmpHeader {
  int64_t width = 0, height = 0;
  bool from_below = true;
  uint16_t bits = 0;
  uint32_t compression = kPlain, colours = 0;
  std::array<uint32_t, 4> masks{};  // red, green, blue, alpha
  size_t palette_at = 0, palette_entry = 4, pixels_at = 0;
};

constexpr uint32_t kCoreHeader = 12, kInfoHeader = 40, kHeaderWithMasks = 52, kHeaderWithAlpha = 56;

BmpHeader read_header(std::span<const std::byte> bytes, std::string_view where) {
  ByteReader in(bytes, where);
  BmpHeader out;
  in.take(10);  // "BM", the file's size, nothing
  out.pixels_at = in.u32();
  const uint32_t size = in.u32();
  if (size == kCoreHeader) {
    out.width = in.u16();
    out.height = in.u16();
    in.u16();
    out.bits = in.u16();
    out.palette_entry = 3;
  } else if (size >= kInfoHeader && size <= 1024) {
    out.width = in.i32();
    out.height = in.i32();
    in.u16();
    out.bits = in.u16();
    out.compression = in.u32();
    in.take(12);
    out.colours = in.u32();
    in.u32();
  } else {
    fail(ErrorKind::BadFile, "{}: a BMP header of {} bytes", where, size);
  }
  constexpr size_t kFileHeader = 14;
  out.palette_at = kFileHeader + size;
  if (out.height < 0) {
    out.height = -out.height;
    out.from_below = false;
  }
  if (out.compression == kMasks || out.compression == kAlphaMasks) {
    const bool has_alpha = out.compression == kAlphaMasks || size >= kHeaderWithAlpha;
    for (size_t i = 0; i < (has_alpha ? 4U : 3U); ++i) out.masks[i] = in.u32();
    if (size < kHeaderWithMasks) out.palette_at += has_alpha ? 16 : 12;
  } else if (out.bits == 16) {
    out.masks = {0x7C00, 0x03E0, 0x001F, 0};
  } else if (out.bits == 32) {
    out.masks = {0xFF0000, 0xFF00, 0xFF, 0};
  }
  return out;
}

void check_header(const BmpHeader& h, std::string_view where, const DecodeLimits& limits) {
  if (h.compression == kRunLength8 || h.compression == kRunLength4)
    fail_with_hint(ErrorKind::Unsupported, "save it without compression, or as PNG", "{}: a BMP with run-length coding",
                   where);
  const bool has_masks = h.compression == kMasks || h.compression == kAlphaMasks;
  constexpr uint16_t kBits[] = {1, 4, 8, 16, 24, 32};
  if ((h.compression != kPlain && !has_masks) || std::ranges::find(kBits, h.bits) == std::end(kBits) ||
      (has_masks && h.bits != 16 && h.bits != 32))
    fail(ErrorKind::Unsupported, "{}: a BMP of {} bits a pixel with compression {}", where, h.bits, h.compression);
  check_size(limits, where, h.width, h.height);
  check_memory(limits, where, h.width, h.height, static_cast<size_t>(h.width * h.height) * 4 * 2);
}

// The bits of a mask as a value of 0 to 255, rounded.
uint8_t channel(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const int shift = std::countr_zero(mask);
  const uint64_t most = mask >> shift, value = (pixel & mask) >> shift;
  return static_cast<uint8_t>((value * 255 + most / 2) / most);
}

std::vector<std::array<uint8_t, 3>> read_palette(const BmpHeader& h, std::span<const std::byte> bytes,
                                                 std::string_view where) {
  std::vector<std::array<uint8_t, 3>> out;
  if (h.bits > 8) return out;
  const size_t most = size_t{1} << h.bits;
  const size_t count = h.colours == 0 ? most : std::min<size_t>(h.colours, most);
  ByteReader in(bytes, where);
  in.go_to(h.palette_at);
  for (size_t i = 0; i < count; ++i) {
    const auto entry = in.take(h.palette_entry);
    out.push_back(
        {std::to_integer<uint8_t>(entry[2]), std::to_integer<uint8_t>(entry[1]), std::to_integer<uint8_t>(entry[0])});
  }
  out.resize(most);  // what is not there is black
  return out;
}

}  // namespace

DecodedPicture decode_bmp(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  const BmpHeader h = read_header(bytes, where);
  check_header(h, where, limits);
  const auto palette = read_palette(h, bytes, where);
  DecodedPicture out;
  Image& image = out.image;
  const bool has_alpha = h.masks[3] != 0;
  image = {.width = static_cast<int>(h.width), .height = static_cast<int>(h.height), .channels = has_alpha ? 4 : 3};
  if (limits.texts_only) return out;
  image.pixels.resize(pixel_bytes(image.width, image.height, image.channels));
  const size_t row_bytes = (static_cast<size_t>(h.width) * h.bits + 31) / 32 * 4;
  ByteReader in(bytes, where);
  in.go_to(h.pixels_at);
  for (int64_t i = 0; i < h.height; ++i) {
    const auto row = in.take(row_bytes);
    const int64_t y = h.from_below ? h.height - 1 - i : i;
    uint8_t* to = image.pixels.data() + static_cast<size_t>(y * h.width) * static_cast<size_t>(image.channels);
    for (size_t x = 0; x < static_cast<size_t>(h.width); ++x, to += image.channels) {
      const auto byte = [&](size_t at) { return std::to_integer<uint32_t>(row[at]); };
      if (h.bits <= 8) {
        const size_t bit = x * h.bits;
        const uint32_t index = byte(bit / 8) >> (8 - h.bits - bit % 8) & ((1U << h.bits) - 1);
        std::copy_n(palette[index].data(), 3, to);
      } else if (h.bits == 24) {
        for (size_t c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(byte(x * 3 + 2 - c));
      } else {
        uint32_t pixel = 0;
        for (size_t b = h.bits / 8; b-- > 0;) pixel = pixel << 8 | byte(x * (h.bits / 8) + b);
        for (size_t c = 0; c < static_cast<size_t>(image.channels); ++c) to[c] = channel(pixel, h.masks[c]);
      }
    }
  }
  return out;
}

}  // namespace newbie
