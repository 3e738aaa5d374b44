#include "evaluate/picture_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/error.h"

namespace newbie {

namespace {

constexpr double kRange = 255;

void check_pair(const Image& a, const Image& b) {
  check_image(a);
  check_image(b);
  if (a.channels != 3 || b.channels != 3) fail(ErrorKind::InvalidRequest, "only RGB pictures can be compared");
  if (a.width != b.width || a.height != b.height)
    fail(ErrorKind::InvalidRequest, "pictures of {}x{} and {}x{} cannot be compared", a.width, a.height, b.width,
         b.height);
}

using Window = std::array<double, kSsimWindow>;

Window gaussian() {
  constexpr double kSigma = 1.5;
  Window w{};
  double sum = 0;
  for (int i = 0; i < kSsimWindow; ++i) {
    const double x = (i - kSsimWindow / 2) / kSigma;
    sum += w[static_cast<size_t>(i)] = std::exp(-x * x / 2);
  }
  for (double& v : w) v /= sum;
  return w;
}

// The five weighted moments of a window.
struct Moments {
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;

  void add(double w, const Moments& m) {
    x += w * m.x;
    y += w * m.y;
    xx += w * m.xx;
    yy += w * m.yy;
    xy += w * m.xy;
  }
};

double similarity(const Moments& m) {
  constexpr double c1 = 0.01 * kRange * 0.01 * kRange, c2 = 0.03 * kRange * 0.03 * kRange;
  const double variance_x = std::max(0.0, m.xx - m.x * m.x), variance_y = std::max(0.0, m.yy - m.y * m.y);
  return (2 * m.x * m.y + c1) * (2 * (m.xy - m.x * m.y) + c2) /
         ((m.x * m.x + m.y * m.y + c1) * (variance_x + variance_y + c2));
}

// 0 1 2 3 | 2 1 0
int mirrored(int i, int size) { return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i; }

}  // namespace

double mean_squared_error(const Image& a, const Image& b) {
  check_pair(a, b);
  uint64_t sum = 0;  // at most 2^16 a value
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const int d = int{a.pixels[i]} - int{b.pixels[i]};
    sum += static_cast<uint64_t>(d * d);
  }
  return static_cast<double>(sum) / static_cast<double>(a.pixels.size());
}

double psnr_of(double mse) {
  return mse > 0 ? 10 * std::log10(kRange * kRange / mse) : std::numeric_limits<double>::infinity();
}

double psnr(const Image& a, const Image& b) { return psnr_of(mean_squared_error(a, b)); }

double share_beyond(const Image& a, const Image& b, int levels) {
  check_pair(a, b);
  size_t beyond = 0;
  for (size_t i = 0; i < a.pixels.size(); i += 3) {
    bool far = false;
    for (size_t c = i; c < i + 3; ++c) far |= std::abs(int{a.pixels[c]} - int{b.pixels[c]}) > levels;
    beyond += far ? 1 : 0;
  }
  return static_cast<double>(beyond) / static_cast<double>(a.pixels.size() / 3);
}

std::string_view to_string(SsimBorder border) { return border == SsimBorder::Valid ? "valid" : "reflect"; }

double ssim(const Image& a, const Image& b, SsimBorder border) {
  check_pair(a, b);
  if (a.width < kSsimWindow || a.height < kSsimWindow)
    fail(ErrorKind::InvalidRequest, "SSIM looks at windows of {0}x{0} pixels; the pictures are {1}x{2}", kSsimWindow,
         a.width, a.height);
  static const Window window = gaussian();
  constexpr int kHalf = kSsimWindow / 2;
  const bool valid = border == SsimBorder::Valid;
  const int first = valid ? kHalf : 0, end_x = a.width - first, end_y = a.height - first;

  // Each row is summed once; the last eleven are kept for the columns.
  std::vector<std::vector<Moments>> kept(kSsimWindow, std::vector<Moments>(static_cast<size_t>(a.width)));
  const auto row_of = [&](int y) -> std::vector<Moments>& { return kept[static_cast<size_t>(y % kSsimWindow)]; };
  double sum = 0;
  for (int c = 0; c < 3; ++c) {
    int summed = 0;
    for (int y = first; y < end_y; ++y) {
      for (; summed < std::min(a.height, y + kHalf + 1); ++summed) {
        const size_t line = static_cast<size_t>(summed) * static_cast<size_t>(a.width);
        for (int x = first; x < end_x; ++x) {
          Moments m;
          for (int k = 0; k < kSsimWindow; ++k) {
            const size_t at = (line + static_cast<size_t>(mirrored(x + k - kHalf, a.width))) * 3;
            const double p = a.pixels[at + static_cast<size_t>(c)], q = b.pixels[at + static_cast<size_t>(c)];
            m.add(window[static_cast<size_t>(k)], {p, q, p * p, q * q, p * q});
          }
          row_of(summed)[static_cast<size_t>(x)] = m;
        }
      }
      for (int x = first; x < end_x; ++x) {
        Moments m;
        for (int k = 0; k < kSsimWindow; ++k)
          m.add(window[static_cast<size_t>(k)], row_of(mirrored(y + k - kHalf, a.height))[static_cast<size_t>(x)]);
        sum += similarity(m);
      }
    }
  }
  return sum / (3.0 * (end_x - first) * (end_y - first));
}

}  // namespace newbie
