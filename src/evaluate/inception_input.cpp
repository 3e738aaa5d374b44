#include "evaluate/inception_input.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "image/resize.h"
#include "models/inception_v3/graph.h"

namespace newbie {

namespace {

constexpr int kSide = static_cast<int>(kInceptionSide);

// For an output position, two neighbours and how much of the second.
struct Neighbours {
  size_t first, second;
  float fraction;
};

std::vector<Neighbours> neighbours(int size, bool half_pixel) {
  std::vector<Neighbours> out;
  const float scale = static_cast<float>(size) / static_cast<float>(kSide);
  for (int o = 0; o < kSide; ++o) {
    const auto at = static_cast<float>(o);
    const float x = half_pixel ? std::max(0.0f, scale * (at + 0.5f) - 0.5f) : scale * at;
    const int first = std::min(static_cast<int>(x), size - 1);
    out.push_back({static_cast<size_t>(first), static_cast<size_t>(std::min(first + 1, size - 1)),
                   x - static_cast<float>(first)});
  }
  return out;
}

// Values of 0…255.
std::vector<float> bilinear(const Image& image, bool half_pixel) {
  const std::vector<Neighbours> rows = neighbours(image.height, half_pixel),
                                columns = neighbours(image.width, half_pixel);
  const auto at = [&](size_t y, size_t x, size_t c) {
    return static_cast<float>(image.pixels[(y * static_cast<size_t>(image.width) + x) * 3 + c]);
  };
  std::vector<float> out;
  out.reserve(size_t{kSide} * kSide * 3);
  for (const Neighbours& row : rows)
    for (const Neighbours& column : columns)
      for (size_t c = 0; c < 3; ++c) {
        const auto across = [&](size_t y) {
          const float a = at(y, column.first, c), b = at(y, column.second, c);
          return a + (b - a) * column.fraction;
        };
        const float above = across(row.first), below = across(row.second);
        out.push_back(above + (below - above) * row.fraction);
      }
  return out;
}

}  // namespace

std::string_view to_string(InceptionInput input) {
  switch (input) {
    case InceptionInput::Clean: return "clean";
    case InceptionInput::PytorchFid: return "pytorch-fid";
    case InceptionInput::TensorFlow: return "tensorflow";
  }
  return "";
}

std::vector<float> inception_pixels(const Image& image, InceptionInput input) {
  check_image(image);
  if (image.channels != 3) fail(ErrorKind::InvalidRequest, "a picture with {} channels, expected RGB", image.channels);
  const bool torch = input == InceptionInput::PytorchFid;
  std::vector<float> pixels =
      input == InceptionInput::Clean ? resize_bicubic_floats(image, kSide, kSide) : bilinear(image, torch);
  for (float& v : pixels) {
    v = std::clamp(v, 0.0f, 255.0f);
    v = torch ? v / 127.5f - 1.0f : (v - 128.0f) / 128.0f;
  }
  return pixels;
}

}  // namespace newbie
