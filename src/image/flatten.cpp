#include "image/flatten.h"

namespace newbie {

Image flatten(Image image, uint8_t background) {
  check_image(image);
  if (image.channels == 3) return image;
  Image out{.width = image.width, .height = image.height, .channels = 3, .pixels = {}};
  out.pixels.reserve(image.pixels.size() / 4 * 3);
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    const unsigned alpha = image.pixels[i + 3];
    for (size_t c = 0; c < 3; ++c)
      out.pixels.push_back(
          static_cast<uint8_t>((image.pixels[i + c] * alpha + background * (255 - alpha) + 127) / 255));
  }
  return out;
}

Image mask_of(const Image& image) {
  Image out = flatten(image, 0);
  for (size_t i = 0; i < out.pixels.size(); i += 3) {
    uint8_t* p = out.pixels.data() + i;
    p[0] = p[1] = p[2] = static_cast<uint8_t>((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
  }
  return out;
}

}  // namespace newbie
