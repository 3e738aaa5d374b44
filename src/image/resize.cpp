#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/checked.h"

namespace newbie {
namespace {

constexpr int kChannels = 3;
// Weights are fixed point: 8 bits of pixel, 2 of headroom for overshoot, the rest of an int for the fraction.
constexpr int kFractionBits = 32 - 8 - 2;

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos3(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

struct Filter {
  double (*weight)(double x);
  double support;  // weights are 0 from here on
};
constexpr Filter kBicubic{bicubic, 2}, kLanczos3{lanczos3, 3}, kTriangle{triangle, 1};

// For every output position along one axis: the first input position it reads and the weights from there on.
struct AxisWeights {
  struct Window {
    int first;
    int count;
  };
  std::vector<Window> windows;   // one per output position
  std::vector<double> exact;     // `stride` per output position
  std::vector<int32_t> weights;  // the same in fixed point
  size_t stride = 0;
};

AxisWeights axis_weights(const Filter& filter, int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double stretch = std::max(scale, 1.0);  // shrinking widens the filter: that is the antialiasing
  const double support = filter.support * stretch;
  AxisWeights axis;
  axis.stride = static_cast<size_t>(std::ceil(support)) * 2 + 1;
  axis.windows.resize(static_cast<size_t>(out));
  axis.weights.resize(checked_mul(axis.stride, static_cast<size_t>(out)));
  axis.exact.resize(axis.weights.size());
  for (int o = 0; o < out; ++o) {
    const double center = (o + 0.5) * scale, inverse = 1.0 / stretch;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int count = std::min(in, static_cast<int>(center + support + 0.5)) - first;
    double sum = 0;
    double* exact = axis.exact.data() + static_cast<size_t>(o) * axis.stride;
    for (int k = 0; k < count; ++k) sum += exact[k] = filter.weight((k + first - center + 0.5) * inverse);
    axis.windows[static_cast<size_t>(o)] = {first, count};
    int32_t* weights = axis.weights.data() + static_cast<size_t>(o) * axis.stride;
    for (int k = 0; k < count; ++k) {
      exact[k] /= sum;
      const double w = exact[k] * (1 << kFractionBits);
      weights[k] = static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5);  // half away from zero
    }
  }
  return axis;
}

uint8_t rounded_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255)); }

constexpr int32_t kHalf = 1 << (kFractionBits - 1);

Image resize_rows(const Filter& filter, const Image& in, int width) {
  const AxisWeights axis = axis_weights(filter, in.width, width);
  Image out{.width = width, .height = in.height, .channels = kChannels, .pixels = {}};
  out.pixels.resize(pixel_bytes(width, in.height, kChannels));
  const size_t in_row = static_cast<size_t>(in.width) * kChannels;
  uint8_t* to = out.pixels.data();
  for (size_t y = 0; y < static_cast<size_t>(in.height); ++y) {
    for (size_t x = 0; x < static_cast<size_t>(width); ++x) {
      const auto [first, count] = axis.windows[x];
      const int32_t* weights = axis.weights.data() + x * axis.stride;
      const uint8_t* from = in.pixels.data() + y * in_row + static_cast<size_t>(first) * kChannels;
      int32_t r = kHalf, g = kHalf, b = kHalf;
      for (int k = 0; k < count; ++k, from += kChannels) {
        r += from[0] * weights[k];
        g += from[1] * weights[k];
        b += from[2] * weights[k];
      }
      *to++ = rounded_byte(r);
      *to++ = rounded_byte(g);
      *to++ = rounded_byte(b);
    }
  }
  return out;
}

Image resize_columns(const Filter& filter, const Image& in, int height) {
  const AxisWeights axis = axis_weights(filter, in.height, height);
  Image out{.width = in.width, .height = height, .channels = kChannels, .pixels = {}};
  out.pixels.resize(pixel_bytes(in.width, height, kChannels));
  const size_t row = static_cast<size_t>(in.width) * kChannels;
  std::vector<int32_t> sums(row);
  for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
    const auto [first, count] = axis.windows[y];
    const int32_t* weights = axis.weights.data() + y * axis.stride;
    std::ranges::fill(sums, kHalf);
    for (int k = 0; k < count; ++k) {
      const uint8_t* from = in.pixels.data() + (static_cast<size_t>(first) + static_cast<size_t>(k)) * row;
      for (size_t i = 0; i < row; ++i) sums[i] += from[i] * weights[k];
    }
    std::ranges::transform(sums, out.pixels.begin() + static_cast<std::ptrdiff_t>(y * row), rounded_byte);
  }
  return out;
}

void check_side(const char* what, int side) {
  if (side < 1 || side > kMaxResizedSide)
    fail(ErrorKind::InvalidRequest, "resize: {} must be 1 to {}, got {}", what, kMaxResizedSide, side);
}

void check_resize(const Image& image, int width, int height) {
  check_image(image);
  check_side("width", width);
  check_side("height", height);
  if (image.channels != kChannels)
    fail_with_hint(ErrorKind::Unsupported, "drop or flatten the alpha channel first",
                   "resize: a picture with {} channels, expected {}", image.channels, kChannels);
}

Image resize(const Filter& filter, const Image& image, int width, int height) {
  check_resize(image, width, height);
  // Rows first, then columns, each rounded to bytes; a side that keeps its size is not touched.
  if (image.width == width) return image.height == height ? image : resize_columns(filter, image, height);
  Image rows = resize_rows(filter, image, width);
  return image.height == height ? rows : resize_columns(filter, rows, height);
}

// Half of a whole number; of two equally near, the even one.
size_t even_half(int rest) {
  const auto half = static_cast<size_t>(rest) / 2;
  return rest % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

}  // namespace

Image resize_bicubic(const Image& image, int width, int height) { return resize(kBicubic, image, width, height); }
Image resize_lanczos(const Image& image, int width, int height) { return resize(kLanczos3, image, width, height); }
Image resize_bilinear(const Image& image, int width, int height) { return resize(kTriangle, image, width, height); }

std::vector<float> resize_bicubic_floats(const Image& image, int width, int height) {
  check_resize(image, width, height);
  const AxisWeights across = axis_weights(kBicubic, image.width, width);
  const AxisWeights down = axis_weights(kBicubic, image.height, height);
  const auto w = static_cast<size_t>(width), in_row = static_cast<size_t>(image.width) * kChannels;
  std::vector<float> rows(checked_mul(static_cast<size_t>(image.height), w * kChannels));
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y)
    for (size_t x = 0; x < w; ++x)
      for (size_t c = 0; c < kChannels; ++c) {
        const auto [first, count] = across.windows[x];
        const uint8_t* from = image.pixels.data() + y * in_row + static_cast<size_t>(first) * kChannels + c;
        double sum = 0;
        for (int k = 0; k < count; ++k, from += kChannels)
          sum += *from * across.exact[x * across.stride + static_cast<size_t>(k)];
        rows[(y * w + x) * kChannels + c] = static_cast<float>(sum);
      }
  std::vector<float> out(pixel_bytes(width, height, kChannels));
  for (size_t y = 0; y < static_cast<size_t>(height); ++y)
    for (size_t i = 0; i < w * kChannels; ++i) {
      const auto [first, count] = down.windows[y];
      double sum = 0;
      for (int k = 0; k < count; ++k)
        sum += double{rows[static_cast<size_t>(first + k) * w * kChannels + i]} *
               down.exact[y * down.stride + static_cast<size_t>(k)];
      out[y * w * kChannels + i] = static_cast<float>(sum);
    }
  return out;
}

Image resize_shorter_side(const Image& image, int side) {
  check_image(image);
  check_side("shorter side", side);
  const int shorter = std::min(image.width, image.height), longer = std::max(image.width, image.height);
  const int64_t other = int64_t{longer} * side / shorter;
  if (other > kMaxResizedSide)
    fail(ErrorKind::InvalidRequest, "resize: {}x{} with the shorter side at {} has a side of {}, at most {}",
         image.width, image.height, side, other, kMaxResizedSide);
  const int length = static_cast<int>(other);
  return image.width < image.height ? resize_bicubic(image, side, length) : resize_bicubic(image, length, side);
}

Image center_crop(const Image& image, int width, int height) {
  check_image(image);
  if (width < 1 || height < 1 || width > image.width || height > image.height)
    fail(ErrorKind::InvalidRequest, "crop: {}x{} out of a picture of {}x{}", width, height, image.width, image.height);
  Image out{.width = width, .height = height, .channels = image.channels, .pixels = {}};
  out.pixels.resize(pixel_bytes(width, height, image.channels));
  const size_t channels = static_cast<size_t>(image.channels);
  const size_t in_row = static_cast<size_t>(image.width) * channels, out_row = static_cast<size_t>(width) * channels;
  const size_t left = even_half(image.width - width), top = even_half(image.height - height);
  for (size_t y = 0; y < static_cast<size_t>(height); ++y)
    std::copy_n(image.pixels.data() + (top + y) * in_row + left * channels, out_row, out.pixels.data() + y * out_row);
  return out;
}

}  // namespace newbie
