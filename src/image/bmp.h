// BMP, as scanners and old programs write it. A reader of our own: the format is a header and rows.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/picture_file.h"

namespace newbie {

// 1, 4, 8, 16, 24 or 32 bits a pixel, with a palette or masks, from either end. RGBA where the header has a mask for
// alpha. Limits are checked before memory is taken; damage is Error{BadFile}, run-length coding Error{Unsupported}.
DecodedPicture decode_bmp(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits = {});

}  // namespace newbie
