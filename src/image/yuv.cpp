#include "image/yuv.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace newbie {

namespace {

enum Matrix {
  kIdentity = 0,
  kBt709 = 1,
  kUnspecified = 2,
  kFcc = 4,
  kBt470 = 5,
  kBt601 = 6,
  kSmpte240 = 7,
  kYCgCo = 8,
  kBt2020 = 9,
};

// What red and blue are of brightness: ITU-T H.273, table 4. What is not said is BT.601, as libavif takes it.
struct Weights {
  float red = 0.299f, blue = 0.114f;
};
Weights weights_of(int matrix) {
  switch (matrix) {
    case kBt709: return {0.2126f, 0.0722f};
    case kFcc: return {0.30f, 0.11f};
    case kSmpte240: return {0.212f, 0.087f};
    case kBt2020: return {0.2627f, 0.0593f};
    default: return {};
  }
}

// Values of a plane as 0 to 1 (brightness) or about -0.5 to 0.5 (differences).
class Plane {
 public:
  Plane(const YuvPicture& p, size_t index, bool is_difference)
      : first_(p.planes[index]), row_bytes_(p.row_bytes[index]), wide_(p.bits > 8) {
    const bool small = index > 0;
    half_width_ = small && p.half_width;
    half_height_ = small && p.half_height;
    width_ = half_width_ ? (p.width + 1) / 2 : p.width;
    height_ = half_height_ ? (p.height + 1) / 2 : p.height;
    const float unit = static_cast<float>(1 << (p.bits - 8)), most = static_cast<float>((1 << p.bits) - 1);
    zero_ = is_difference ? 128 * unit : p.full_range ? 0 : 16 * unit;
    scale_ = p.full_range ? 1 / most : 1 / ((is_difference ? 224 : 219) * unit);
  }

  float at(int x, int y) const {
    if (!half_width_ && !half_height_) return (raw(x, y) - zero_) * scale_;
    // A quarter of the way from the middle of its own value to that of the nearest neighbour.
    const int cx = half_width_ ? x / 2 : x, cy = half_height_ ? y / 2 : y;
    const int nx = half_width_ ? std::clamp(x % 2 == 0 ? cx - 1 : cx + 1, 0, width_ - 1) : cx;
    const int ny = half_height_ ? std::clamp(y % 2 == 0 ? cy - 1 : cy + 1, 0, height_ - 1) : cy;
    const float own = 0.75f * raw(cx, cy) + 0.25f * raw(nx, cy);
    const float next = 0.75f * raw(cx, ny) + 0.25f * raw(nx, ny);
    return (0.75f * own + 0.25f * next - zero_) * scale_;
  }

 private:
  float raw(int x, int y) const {
    const uint8_t* row = first_ + y * row_bytes_;
    if (!wide_) return row[x];
    uint16_t value;
    std::memcpy(&value, row + 2 * static_cast<ptrdiff_t>(x), sizeof value);
    return value;
  }

  const uint8_t* first_;
  ptrdiff_t row_bytes_;
  bool wide_, half_width_ = false, half_height_ = false;
  int width_ = 0, height_ = 0;
  float zero_ = 0, scale_ = 1;
};

uint8_t byte_of(float value) { return static_cast<uint8_t>(std::clamp(std::nearbyint(value * 255), 0.0f, 255.0f)); }

template <typename Paint>
void for_each_pixel(const YuvPicture& picture, Image& canvas, int left, int top, Paint paint) {
  for (int y = 0; y < std::min(picture.height, canvas.height - top); ++y)
    for (int x = 0; x < std::min(picture.width, canvas.width - left); ++x)
      paint(x, y,
            &canvas.pixels[(static_cast<size_t>(top + y) * static_cast<size_t>(canvas.width) +
                            static_cast<size_t>(left + x)) *
                           static_cast<size_t>(canvas.channels)]);
}

}  // namespace

bool is_known_matrix(int matrix) { return matrix >= kIdentity && matrix <= kBt2020 && matrix != 3; }

void paint_yuv(const YuvPicture& picture, Image& canvas, int left, int top) {
  // With the identity all planes are colours, green first.
  const bool plain = picture.matrix == kIdentity;
  const Plane luma(picture, 0, false);
  if (picture.is_grey) {
    for_each_pixel(picture, canvas, left, top,
                   [&](int x, int y, uint8_t* to) { std::fill_n(to, 3, byte_of(luma.at(x, y))); });
    return;
  }
  const Plane first(picture, 1, !plain), second(picture, 2, !plain);
  const Weights w = weights_of(picture.matrix);
  const float green = 1 - w.red - w.blue;
  for_each_pixel(picture, canvas, left, top, [&](int x, int y, uint8_t* to) {
    const float l = luma.at(x, y), u = first.at(x, y), v = second.at(x, y);
    float r = 0, g = 0, b = 0;
    if (plain) {
      r = v;
      g = l;
      b = u;
    } else if (picture.matrix == kYCgCo) {  // u is green against the others, v orange
      r = l - u + v;
      g = l + u;
      b = l - u - v;
    } else {
      r = l + 2 * (1 - w.red) * v;
      b = l + 2 * (1 - w.blue) * u;
      g = (l - w.red * r - w.blue * b) / green;
    }
    to[0] = byte_of(r);
    to[1] = byte_of(g);
    to[2] = byte_of(b);
  });
}

void paint_alpha(const YuvPicture& picture, Image& canvas, int left, int top) {
  const Plane alpha(picture, 0, false);
  for_each_pixel(picture, canvas, left, top, [&](int x, int y, uint8_t* to) { to[3] = byte_of(alpha.at(x, y)); });
}

}  // namespace newbie
