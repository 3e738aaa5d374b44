// PNG: the only door to libpng.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "image/picture_file.h"

namespace newbie {

// RGB or RGBA with uncompressed text: tEXt when the text is ASCII, iTXt otherwise. The same input gives the same bytes.
// Error{InvalidRequest} on a picture that does not fit itself, a bad key, or text that is not UTF-8 or holds a zero
// byte.
std::vector<std::byte> encode_png(const Image& image, std::span<const TextChunk> texts = {});

// Any PNG as 8-bit RGB, or RGBA when it has transparency: palettes and grey are expanded, 16 bits scaled to 8, colour
// profiles ignored. Limits are checked before memory is taken. Damage to the picture is Error{BadFile}, its message
// opened by `where`, and so is too much text; a single text entry that is damaged or unpacks past all limits is left
// out.
DecodedPicture decode_png(std::span<const std::byte> bytes, std::string_view where = "PNG",
                          const DecodeLimits& limits = {});

}  // namespace newbie
