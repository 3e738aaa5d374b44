// Pictures of brightness and colour differences, as video coders have them, to red, green and blue.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "image/image.h"

namespace newbie {

// Planes of another's memory: brightness, and two of colour differences, whose sides may be halved (rounded up). Values
// of `bits` above 8 are 16-bit numbers of this machine.
struct YuvPicture {
  int width = 0, height = 0;
  int bits = 8;  // 8 to 12
  bool is_grey = false;
  bool half_width = false, half_height = false;
  std::array<const uint8_t*, 3> planes{};
  std::array<ptrdiff_t, 3> row_bytes{};
  int matrix = 2;  // ITU-T H.273
  bool full_range = false;
};

// Whether paint_yuv knows this matrix.
bool is_known_matrix(int matrix);

// Writes the picture into `canvas` at (left, top), without what lies outside of it; alpha stays. Halved planes are
// interpolated linearly, their values in the middle of the pixels that they are of.
void paint_yuv(const YuvPicture& picture, Image& canvas, int left, int top);

// The same, brightness alone, as the alpha of an RGBA canvas.
void paint_alpha(const YuvPicture& picture, Image& canvas, int left, int top);

}  // namespace newbie
