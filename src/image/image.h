// A picture in memory and its way from and to the network's numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace newbie {

// Rows from the top, pixels interleaved: pixels[(y * width + x) * channels + c]. RGB (3) or RGBA (4), 8 bit.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 3;
  std::vector<uint8_t> pixels;

  bool operator==(const Image&) const = default;
};

// width · height · channels; Error{InvalidRequest} when a side is below 1 or the product does not fit.
size_t pixel_bytes(int width, int height, int channels);

// Error{InvalidRequest} unless sides, channels (3 or 4) and the length of `pixels` agree.
void check_image(const Image& image);

// RGB from values in [-1, 1], [height, width, 3]: 255 · clamp(x/2 + 0.5, 0, 1), ties to even, as diffusers does (other
// programs truncate: spec/vae.md §5). A value that is not a number becomes 0. Error{InvalidRequest} on a wrong length.
Image from_signed_floats(std::span<const float> hwc, int width, int height);

// x / 127.5 - 1 for every byte, in the order of `pixels`; `out` has as many values.
void to_signed_floats(const Image& image, std::span<float> out);
std::vector<float> to_signed_floats(const Image& image);

}  // namespace newbie
