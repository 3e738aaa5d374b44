#include "generate/init_fit.h"

#include <algorithm>

#include "image/resize.h"

namespace newbie {

std::span<const Named<InitFit>> init_fits() {
  static constexpr Named<InitFit> kFits[] = {
      {InitFit::Crop, "crop"}, {InitFit::Pad, "pad"}, {InitFit::Stretch, "stretch"}};
  return kFits;
}

namespace {

// The sides of width : height that the whole of `limit_width` x `limit_height` has room for.
PictureSize inside(int64_t width, int64_t height, int64_t limit_width, int64_t limit_height) {
  if (limit_width * height <= limit_height * width)
    return {limit_width, std::max<int64_t>(1, (limit_width * height + width / 2) / width)};
  return {std::max<int64_t>(1, (limit_height * width + height / 2) / height), limit_height};
}

// `image` in the middle of width x height; around it its outermost pixels go on, or `fill` where that is given.
Image padded(const Image& image, int width, int height, std::optional<uint8_t> fill) {
  Image out{.width = width, .height = height, .channels = image.channels, .pixels = {}};
  const auto channels = static_cast<size_t>(image.channels);
  out.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * channels);
  const int left = (width - image.width) / 2, top = (height - image.height) / 2;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int from_x = std::clamp(x - left, 0, image.width - 1), from_y = std::clamp(y - top, 0, image.height - 1);
      const bool is_outside = from_x != x - left || from_y != y - top;
      const uint8_t* from =
          &image.pixels[(static_cast<size_t>(from_y) * static_cast<size_t>(image.width) + static_cast<size_t>(from_x)) *
                        channels];
      uint8_t* to =
          &out.pixels[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * channels];
      for (size_t c = 0; c < channels; ++c) to[c] = is_outside && fill ? *fill : from[c];
    }
  return out;
}

}  // namespace

Image fitted(const Image& image, PictureSize size, InitFit fit, ResizeRule resize, std::optional<uint8_t> fill) {
  const int width = static_cast<int>(size.width), height = static_cast<int>(size.height);
  if (fit == InitFit::Crop) {
    const PictureSize middle = inside(size.width, size.height, image.width, image.height);
    return resize(center_crop(image, static_cast<int>(middle.width), static_cast<int>(middle.height)), width, height);
  }
  if (fit == InitFit::Pad) {
    const PictureSize whole = inside(image.width, image.height, size.width, size.height);
    return padded(resize(image, static_cast<int>(whole.width), static_cast<int>(whole.height)), width, height, fill);
  }
  return resize(image, width, height);
}

bool has_other_proportions(const Image& image, PictureSize size) {
  const PictureSize middle = inside(size.width, size.height, image.width, image.height);
  return middle.width < image.width - 1 || middle.height < image.height - 1;  // a pixel is rounding
}

}  // namespace newbie
