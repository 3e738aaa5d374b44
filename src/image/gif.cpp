#include "image/gif.h"

#include <algorithm>
#include <array>
#include <optional>

#include "image/byte_reader.h"
#include "image/lzw.h"

namespace newbie {

namespace {

constexpr uint8_t kExtension = 0x21, kPicture = 0x2C, kEnd = 0x3B, kControl = 0xF9;

using Palette = std::vector<std::array<uint8_t, 3>>;

Palette read_palette(ByteReader& in, uint8_t packed) {
  Palette out;
  if ((packed & 0x80) == 0) return out;
  const size_t count = size_t{2} << (packed & 7);
  const auto bytes = in.take(count * 3);
  for (size_t i = 0; i < count; ++i)
    out.push_back({std::to_integer<uint8_t>(bytes[3 * i]), std::to_integer<uint8_t>(bytes[3 * i + 1]),
                   std::to_integer<uint8_t>(bytes[3 * i + 2])});
  return out;
}

// Sub-blocks as one: each has its length in front, an empty one ends them.
template <typename Visit>
void for_each_block(ByteReader& in, Visit visit) {
  while (const uint8_t length = in.u8()) visit(in.take(length));
}
void skip_blocks(ByteReader& in) {
  for_each_block(in, [](std::span<const std::byte>) {});
}

// The row of the picture that is stored as row `i`: every eighth, those between, every fourth, every second.
int interlaced_row(int i, int height) {
  for (const auto& [start, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}}) {
    const int rows = height > start ? (height - start - 1) / step + 1 : 0;
    if (i < rows) return start + i * step;
    i -= rows;
  }
  return height - 1;
}

struct Frame {
  int left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
};

void paint_frame(const Frame& frame, const std::vector<uint8_t>& indices, const Palette& palette,
                 std::optional<uint8_t> transparent, Image& rgba) {
  for (size_t i = 0; i < indices.size(); ++i) {
    const int stored = static_cast<int>(i / static_cast<size_t>(frame.width));
    const int y = frame.top + (frame.interlaced ? interlaced_row(stored, frame.height) : stored);
    const int x = frame.left + static_cast<int>(i % static_cast<size_t>(frame.width));
    if (x >= rgba.width || y >= rgba.height || indices[i] == transparent) continue;
    uint8_t* to = &rgba.pixels[(static_cast<size_t>(y) * static_cast<size_t>(rgba.width) + static_cast<size_t>(x)) * 4];
    if (indices[i] < palette.size()) std::copy_n(palette[indices[i]].data(), 3, to);
    to[3] = 255;
  }
}

// Whether another picture follows; damage behind the first does not matter.
bool has_another(ByteReader& in) {
  try {
    while (true) {
      const uint8_t what = in.u8();
      if (what == kPicture) return true;
      if (what != kExtension) return false;
      in.u8();
      skip_blocks(in);
    }
  } catch (const Error&) {
    return false;
  }
}

Image without_alpha(Image rgba) {
  for (size_t i = 3; i < rgba.pixels.size(); i += 4)
    if (rgba.pixels[i] != 255) return rgba;
  Image out{.width = rgba.width, .height = rgba.height, .channels = 3};
  out.pixels.resize(pixel_bytes(rgba.width, rgba.height, 3));
  for (size_t i = 0, k = 0; i < out.pixels.size(); i += 3, k += 4) std::copy_n(&rgba.pixels[k], 3, &out.pixels[i]);
  return out;
}

}  // namespace

DecodedPicture decode_gif(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  ByteReader in(bytes, where);
  in.take(6);  // "GIF89a"
  Image canvas{.width = in.u16(), .height = 0, .channels = 4};
  canvas.height = in.u16();
  const uint8_t packed = in.u8();
  in.take(2);
  const Palette shared = read_palette(in, packed);
  check_size(limits, where, canvas.width, canvas.height);
  // The canvas, a copy of it without alpha, upright once more, and the indices of a picture.
  check_memory(limits, where, canvas.width, canvas.height,
               static_cast<size_t>(canvas.width) * static_cast<size_t>(canvas.height) * (4 + 3 + 4 + 1));
  if (limits.texts_only)
    return {.image = {.width = canvas.width, .height = canvas.height, .channels = 4, .pixels = {}}};
  std::optional<uint8_t> transparent;
  while (true) {
    const uint8_t what = in.u8();
    if (what == kEnd) fail(ErrorKind::BadFile, "{}: a GIF without a picture", where);
    if (what == kExtension) {
      const bool is_control = in.u8() == kControl;
      for_each_block(in, [&](std::span<const std::byte> block) {
        if (is_control && block.size() == 4 && (std::to_integer<int>(block[0]) & 1) != 0)
          transparent = std::to_integer<uint8_t>(block[3]);
      });
      continue;
    }
    if (what != kPicture) fail(ErrorKind::BadFile, "{}: damaged GIF: a block of kind {}", where, what);
    Frame frame;
    frame.left = in.u16();
    frame.top = in.u16();
    frame.width = in.u16();
    frame.height = in.u16();
    const uint8_t flags = in.u8();
    frame.interlaced = (flags & 0x40) != 0;
    const Palette own = read_palette(in, flags);
    const size_t count = static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height);
    if (frame.width < 1 || frame.height < 1 || frame.left + frame.width > canvas.width ||
        frame.top + frame.height > canvas.height)
      fail(ErrorKind::BadFile, "{}: damaged GIF: a picture of {}x{} outside of its canvas", where, frame.width,
           frame.height);
    const int letter_bits = in.u8();
    if (letter_bits < 1 || letter_bits > 8)
      fail(ErrorKind::BadFile, "{}: damaged GIF: codes for {} bits", where, letter_bits);
    LzwUnpacker unpacker({.format = "GIF", .letter_bits = letter_bits}, count, where);
    for_each_block(in, [&](std::span<const std::byte> block) { unpacker.add(block); });
    if (unpacker.letters().size() < count)
      fail(ErrorKind::BadFile, "{}: damaged GIF: {} pixels of {}", where, unpacker.letters().size(), count);
    canvas.pixels.assign(pixel_bytes(canvas.width, canvas.height, 4), uint8_t{0});
    paint_frame(frame, unpacker.letters(), own.empty() ? shared : own, transparent, canvas);
    DecodedPicture out;
    out.is_animation = has_another(in);
    out.image = without_alpha(std::move(canvas));
    return out;
  }
}

}  // namespace newbie
