// What an AVIF file is around its coded pictures: boxes of boxes (ISO/IEC 14496-12, 23008-12, AVIF 1.1). A reader of
// our own: it reads what a still picture needs and copies nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "image/mask.h"
#include "image/picture_file.h"

namespace newbie {

// How numbers become colours (ITU-T H.273): of the container, or of the coded picture where it says nothing.
struct ColourCodes {
  int primaries = 2, transfer = 2, matrix = 2;  // 2: not said
  bool full_range = false;
};

// One coded picture, or a grid of them, rows first, each of `width` x `height`.
struct AvifCoded {
  int64_t width = 0, height = 0;
  int64_t columns = 1, rows = 1;
  std::vector<std::vector<std::span<const std::byte>>> tiles;  // of each its pieces in the file
  int operating_point = 0;
};

struct AvifContainer {
  int64_t width = 0, height = 0;  // before it is cut out and turned
  AvifCoded colour;
  std::optional<AvifCoded> alpha;
  bool premultiplied = false;
  std::optional<ColourCodes> codes;
  std::span<const std::byte> icc;
  std::optional<PixelBox> part;  // that is to be seen
  int orientation = 1;           // EXIF's numbers, after the cut
  std::vector<std::byte> exif;
  bool is_animation = false;
};

// Whether a file's first bytes say so: `ftyp` with an AVIF brand.
bool is_avif(std::span<const std::byte> bytes);

// Sizes are checked against the limits. Damage is Error{BadFile}; what a still picture may have and is not read here is
// Error{Unsupported}.
AvifContainer read_avif_container(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits);

}  // namespace newbie
