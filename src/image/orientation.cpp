#include "image/orientation.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace newbie {

Image upright(Image image, int orientation) {
  check_image(image);
  if (orientation < 1 || orientation > 8)
    fail(ErrorKind::InvalidRequest, "orientation {}, expected 1 to 8", orientation);
  if (orientation == 1) return image;
  // Where the pixel at (x, y) of the upright picture lies in the stored one: axes swapped, then mirrored.
  const bool swapped = swaps_sides(orientation);
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image out{.width = swapped ? image.height : image.width,
            .height = swapped ? image.width : image.height,
            .channels = image.channels,
            .pixels = std::vector<uint8_t>(image.pixels.size())};
  const auto channels = static_cast<size_t>(image.channels);
  uint8_t* to = out.pixels.data();
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x, to += channels) {
      int column = swapped ? y : x, row = swapped ? x : y;
      if (from_right) column = image.width - 1 - column;
      if (from_bottom) row = image.height - 1 - row;
      const size_t at = static_cast<size_t>(row) * static_cast<size_t>(image.width) + static_cast<size_t>(column);
      std::copy_n(image.pixels.data() + at * channels, channels, to);
    }
  return out;
}

}  // namespace newbie
