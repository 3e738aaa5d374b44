#include "image/grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/checked.h"

namespace newbie {

Image grid_of(std::span<const Image> pictures) {
  if (pictures.empty()) fail(ErrorKind::InvalidRequest, "a grid of no pictures");
  const Image& first = pictures.front();
  for (const Image& picture : pictures) {
    check_image(picture);
    if (picture.channels != 3 || picture.width != first.width || picture.height != first.height)
      fail(ErrorKind::InvalidRequest, "a grid of pictures that are not RGB of one size");
  }
  const auto rows = static_cast<size_t>(std::sqrt(static_cast<double>(pictures.size())) + 0.5);
  const size_t columns = (pictures.size() + rows - 1) / rows;
  const auto width = static_cast<size_t>(first.width), height = static_cast<size_t>(first.height);
  if (checked_mul(columns, width) > std::numeric_limits<int>::max() ||
      checked_mul(rows, height) > std::numeric_limits<int>::max())
    fail(ErrorKind::InvalidRequest, "a grid of {} pictures of {}x{} is too large", pictures.size(), width, height);
  Image out{.width = static_cast<int>(columns * width), .height = static_cast<int>(rows * height), .channels = 3};
  out.pixels.resize(pixel_bytes(out.width, out.height, 3));
  for (size_t k = 0; k < pictures.size(); ++k)
    for (size_t y = 0; y < height; ++y)
      std::copy_n(pictures[k].pixels.data() + y * width * 3, width * 3,
                  out.pixels.data() + ((k / columns * height + y) * columns + k % columns) * width * 3);
  return out;
}

}  // namespace newbie
