// JPEG: the only door to libjpeg-turbo.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "image/picture_file.h"

namespace newbie {

// RGB, baseline; colour at full resolution from quality 90 on. "parameters" goes into EXIF's UserComment unless it is
// longer than a segment (64 KiB); the other texts, one line each, into the comment as "key:text". The same input gives
// the same bytes. Error{InvalidRequest} on a picture with alpha or sides above 65500, a quality outside 1…100, or a
// text that is not one line of UTF-8.
std::vector<std::byte> encode_jpeg(const Image& image, int quality, std::span<const TextChunk> texts = {});

// Any 8-bit JPEG as RGB: grey is expanded, CMYK and YCCK are converted without a profile. Limits are checked before
// memory is taken. Damage, a missing end included, is Error{BadFile}, its message opened by `where`.
DecodedPicture decode_jpeg(std::span<const std::byte> bytes, std::string_view where = "JPEG",
                           const DecodeLimits& limits = {});

// Scans of a progressive picture of so many pixels that are read; each walks over all of it. Files have about ten; the
// largest picture may have 32.
size_t most_jpeg_scans(size_t pixels);

}  // namespace newbie
