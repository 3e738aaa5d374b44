// AVIF: the only door to dav1d. The container is read by image/avif_container.h; libavif 0.11 would keep a decoder, and
// up to nine pictures in it, for every tile of a grid, and allows no allocator of ours.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/picture_file.h"

namespace newbie {

// RGB, or RGBA where it has transparency; 8 to 12 bits become 8. `is_animation` where a film comes with it. Between the
// pictures of a grid, halved colours are not interpolated. Sizes are
// checked against the limits, and the coder gets the memory of a few pictures of that size and no more. Damage is
// Error{BadFile}; wide-range brightness (PQ, HLG) and rare matrices are Error{Unsupported}, as is every AVIF in a build
// without dav1d.
DecodedPicture decode_avif(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits = {});

}  // namespace newbie
