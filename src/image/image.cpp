#include "image/image.h"

#include <algorithm>
#include <cmath>

#include "core/checked.h"

namespace newbie {

size_t pixel_bytes(int width, int height, int channels) {
  if (width < 1 || height < 1 || channels < 1)
    fail(ErrorKind::InvalidRequest, "a picture of {}x{} with {} channels", width, height, channels);
  return checked_mul(checked_mul(static_cast<size_t>(width), static_cast<size_t>(height)),
                     static_cast<size_t>(channels));
}

void check_image(const Image& image) {
  if (image.channels != 3 && image.channels != 4)
    fail(ErrorKind::InvalidRequest, "a picture with {} channels, expected 3 (RGB) or 4 (RGBA)", image.channels);
  const size_t expected = pixel_bytes(image.width, image.height, image.channels);
  if (image.pixels.size() != expected)
    fail(ErrorKind::InvalidRequest, "a picture of {}x{} with {} channels: expected {} bytes, got {}", image.width,
         image.height, image.channels, expected, image.pixels.size());
}

Image from_signed_floats(std::span<const float> hwc, int width, int height) {
  const size_t expected = pixel_bytes(width, height, 3);
  if (hwc.size() != expected)
    fail(ErrorKind::InvalidRequest, "{}x{} RGB values: expected {} numbers, got {}", width, height, expected,
         hwc.size());
  Image image{.width = width, .height = height, .channels = 3, .pixels = std::vector<uint8_t>(expected)};
  for (size_t i = 0; i < expected; ++i) {
    const float unit = std::isnan(hwc[i]) ? 0.0f : std::clamp(hwc[i] / 2 + 0.5f, 0.0f, 1.0f);
    image.pixels[i] = static_cast<uint8_t>(std::nearbyint(unit * 255.0f));  // ties to even
  }
  return image;
}

void to_signed_floats(const Image& image, std::span<float> out) {
  check_image(image);
  if (out.size() != image.pixels.size())
    fail(ErrorKind::InvalidRequest, "{}x{} pixels: room for {} numbers, got {}", image.width, image.height,
         image.pixels.size(), out.size());
  std::ranges::transform(image.pixels, out.begin(), [](uint8_t p) { return static_cast<float>(p) / 127.5f - 1.0f; });
}

std::vector<float> to_signed_floats(const Image& image) {
  std::vector<float> out(image.pixels.size());
  to_signed_floats(image, out);
  return out;
}

}  // namespace newbie
