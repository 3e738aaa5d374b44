// PNG: the only door to libpng.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace newbie {

// A text entry. The key is 1 to 79 printable ASCII characters ("parameters" is what image tools look for).
// The text is UTF-8; when it comes from an international chunk of a file it is as the file has it, unchecked.
struct TextChunk {
  std::string key;
  std::string text;

  bool operator==(const TextChunk&) const = default;
};

struct PngLimits {
  int max_side = 16384;
  size_t max_pixels = size_t{64} << 20;
  size_t max_text_bytes = size_t{8} << 20;  // of all text entries, unpacked
};

struct DecodedPng {
  Image image;
  std::vector<TextChunk> texts;  // in the order of the file
};

// RGB or RGBA with uncompressed text: tEXt when the text is ASCII, iTXt otherwise. The same input gives the same bytes.
// Error{InvalidRequest} on a picture that does not fit itself, a bad key, or text that is not UTF-8 or holds a zero
// byte.
std::vector<std::byte> encode_png(const Image& image, std::span<const TextChunk> texts = {});

// Any PNG as 8-bit RGB, or RGBA when it has transparency: palettes and grey are expanded, 16 bits scaled to 8, colour
// profiles ignored. Limits are checked before memory is taken. Damage to the picture is Error{BadFile}, its message
// opened by `where`, and so is too much text; a single text entry that is damaged or unpacks past all limits is left
// out.
DecodedPng decode_png(std::span<const std::byte> bytes, std::string_view where = "PNG", const PngLimits& limits = {});

}  // namespace newbie
