#include "image/mask.h"

#include <algorithm>
#include <cmath>

namespace newbie {

namespace {

std::vector<float> gaussian(double sigma) {
  const int radius = static_cast<int>(std::ceil(3 * sigma));
  std::vector<float> out;
  double sum = 0;
  for (int i = -radius; i <= radius; ++i) sum += std::exp(-0.5 * i * i / (sigma * sigma));
  for (int i = -radius; i <= radius; ++i)
    out.push_back(static_cast<float>(std::exp(-0.5 * i * i / (sigma * sigma)) / sum));
  return out;
}

// Along lines of `length` values, `step` apart.
void blur_line(const float* from, float* to, int length, size_t step, const std::vector<float>& weights) {
  const int radius = static_cast<int>(weights.size() / 2);
  for (int i = 0; i < length; ++i) {
    float sum = 0;
    for (int k = -radius; k <= radius; ++k)
      sum +=
          weights[static_cast<size_t>(k + radius)] * from[static_cast<size_t>(std::clamp(i + k, 0, length - 1)) * step];
    to[static_cast<size_t>(i) * step] = sum;
  }
}

// One side of a box, as long as `wanted` where the picture has room, around where it was.
void grow_side(int& first, int& length, int wanted, int room) {
  wanted = std::clamp(wanted, length, room);
  first = std::clamp(first - (wanted - length) / 2, 0, room - wanted);
  length = wanted;
}

}  // namespace

Image inverted(Image mask) {
  for (uint8_t& value : mask.pixels) value = static_cast<uint8_t>(255 - value);
  return mask;
}

Image softened(Image mask, double sigma) {
  if (sigma <= 0) return mask;
  const std::vector<float> weights = gaussian(sigma);
  const auto width = static_cast<size_t>(mask.width), count = width * static_cast<size_t>(mask.height);
  std::vector<float> values(count), across(count);
  for (size_t i = 0; i < count; ++i) values[i] = mask.pixels[3 * i];
  for (int y = 0; y < mask.height; ++y)
    blur_line(&values[static_cast<size_t>(y) * width], &across[static_cast<size_t>(y) * width], mask.width, 1, weights);
  for (size_t x = 0; x < width; ++x) blur_line(&across[x], &values[x], mask.height, width, weights);
  for (size_t i = 0; i < count; ++i)
    std::fill_n(mask.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3,
                static_cast<uint8_t>(std::clamp(std::lround(values[i]), 0L, 255L)));
  return mask;
}

std::optional<PixelBox> painted_box(const Image& mask) {
  int left = mask.width, right = -1, top = mask.height, bottom = -1;
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) {
      const size_t at = (static_cast<size_t>(y) * static_cast<size_t>(mask.width) + static_cast<size_t>(x)) *
                        static_cast<size_t>(mask.channels);
      if (mask.pixels[at] == 0) continue;
      left = std::min(left, x);
      right = std::max(right, x);
      top = std::min(top, y);
      bottom = y;
    }
  if (right < 0) return std::nullopt;
  return PixelBox{left, top, right - left + 1, bottom - top + 1};
}

PixelBox grown(PixelBox box, int padding, int width, int height, const Image& picture) {
  const int right = std::min(box.left + box.width + padding, picture.width);
  const int bottom = std::min(box.top + box.height + padding, picture.height);
  box.left = std::max(box.left - padding, 0);
  box.top = std::max(box.top - padding, 0);
  box.width = right - box.left;
  box.height = bottom - box.top;
  const double wanted = static_cast<double>(width) / height, has = static_cast<double>(box.width) / box.height;
  if (has > wanted)
    grow_side(box.top, box.height, static_cast<int>(std::lround(box.width / wanted)), picture.height);
  else
    grow_side(box.left, box.width, static_cast<int>(std::lround(box.height * wanted)), picture.width);
  return box;
}

Image cut_out(const Image& image, PixelBox box) {
  Image out{.width = box.width, .height = box.height, .channels = image.channels};
  out.pixels.resize(pixel_bytes(box.width, box.height, image.channels));
  const auto row = static_cast<std::ptrdiff_t>(box.width) * image.channels;
  for (int y = 0; y < box.height; ++y)
    std::copy_n(
        image.pixels.begin() + (static_cast<std::ptrdiff_t>(box.top + y) * image.width + box.left) * image.channels,
        row, out.pixels.begin() + y * row);
  return out;
}

}  // namespace newbie
