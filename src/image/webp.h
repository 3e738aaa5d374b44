// WebP: the only door to libwebp.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "image/picture_file.h"

namespace newbie {

// RGB or RGBA; quality 100 is lossless. Texts go into EXIF (image/exif.h). The same input gives the same bytes.
// Error{InvalidRequest} on sides above 16383, a quality outside 1…100, or texts EXIF has no room for.
std::vector<std::byte> encode_webp(const Image& image, int quality, std::span<const TextChunk> texts = {});

// A WebP, of an animation the first picture, as RGB, or RGBA when it has transparency. Limits are checked before memory
// is taken. Damage is Error{BadFile}, its message opened by `where`.
DecodedPicture decode_webp(std::span<const std::byte> bytes, std::string_view where = "WebP",
                           const DecodeLimits& limits = {});

}  // namespace newbie
