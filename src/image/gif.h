// GIF: the first picture of one. A reader of our own: blocks, a palette and LZW codes, all in bounded memory.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/picture_file.h"

namespace newbie {

// RGB, or RGBA where it has transparency or does not fill its canvas. `is_animation` where a second picture follows.
// Limits are checked before memory is taken; damage is Error{BadFile}.
DecodedPicture decode_gif(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits = {});

}  // namespace newbie
