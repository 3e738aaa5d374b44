// TIFF, as scanners and painting programs write it. A reader of our own: libtiff 4.5 limits single allocations but not
// their sum, takes up every codec it was built with, and tells of much damage by a warning alone.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/picture_file.h"

namespace newbie {

// The first picture: 1, 2, 4, 8 or 16 bits a sample; grey, RGB, a palette or CMYK, with or without alpha; in strips or
// tiles, samples together or apart; uncompressed, PackBits, LZW or Deflate. `is_animation` where another follows.
// Limits are checked before memory is taken; damage is Error{BadFile}, other kinds (JPEG or fax inside, numbers with
// points, …) are Error{Unsupported}.
DecodedPicture decode_tiff(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits = {});

}  // namespace newbie
