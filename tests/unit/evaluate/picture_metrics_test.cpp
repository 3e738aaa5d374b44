// PSNR and SSIM: the formula written out, public code's values, and the ends of the scales.
#include "evaluate/picture_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/golden.h"
#include "unit/core/expect_error.h"
#include "unit/evaluate/pictures.h"

namespace newbie::test {
namespace {

// SSIM of one channel by the book: the whole window at every pixel, nothing shared between pixels.
double direct_ssim(const Image& a, const Image& b, SsimBorder border) {
  double window[11][11], all = 0;
  for (int i = 0; i < 11; ++i)
    for (int j = 0; j < 11; ++j)
      all += window[i][j] = std::exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / (2 * 1.5 * 1.5));
  const auto inside = [](int i, int size) { return i < 0 ? -i : i > size - 1 ? 2 * size - 2 - i : i; };
  const int first = border == SsimBorder::Valid ? 5 : 0;
  double sum = 0;
  int count = 0;
  for (int c = 0; c < 3; ++c)
    for (int y = first; y < a.height - first; ++y)
      for (int x = first; x < a.width - first; ++x) {
        double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
        for (int i = 0; i < 11; ++i)
          for (int j = 0; j < 11; ++j) {
            const int row = inside(y + i - 5, a.height), column = inside(x + j - 5, a.width);
            const auto at = static_cast<size_t>((row * a.width + column) * 3 + c);
            const double w = window[i][j] / all, p = a.pixels[at], q = b.pixels[at];
            mx += w * p, my += w * q, xx += w * p * p, yy += w * q * q, xy += w * p * q;
          }
        const double c1 = 6.5025, c2 = 58.5225;  // (0.01 · 255)², (0.03 · 255)²
        sum += (2 * mx * my + c1) * (2 * (xy - mx * my) + c2) /
               ((mx * mx + my * my + c1) * (xx - mx * mx + yy - my * my + c2));
        ++count;
      }
  return sum / count;
}

TEST(Ssim, EqualsTheFormula) {
  const Image a = pattern(23, 14), b = smooth(23, 14), noisy = with_noise(b, 20, 1);
  for (const SsimBorder border : {SsimBorder::Valid, SsimBorder::Reflect}) {
    EXPECT_NEAR(ssim(a, b, border), direct_ssim(a, b, border), 1e-10);
    EXPECT_NEAR(ssim(b, noisy, border), direct_ssim(b, noisy, border), 1e-10);
  }
}

TEST(PictureMetrics, EqualPublicCode) {
  const Image avatar = avatar_picture("000000.png");
  Image darker = avatar;
  for (uint8_t& p : darker.pixels) p = static_cast<uint8_t>(p * 15 / 16);
  const std::map<std::string, std::pair<Image, Image>> pairs{{"avatar/darker", {avatar, darker}},
                                                             {"avatar/other", {avatar, avatar_picture("000001.png")}},
                                                             {"pattern/smooth", {pattern(75, 50), smooth(75, 50)}},
                                                             {"smooth/smooth", {smooth(11, 16), smooth(11, 16)}}};
  const Json rows = golden_json("evaluate.json").at("pictures");
  EXPECT_EQ(rows.size(), pairs.size());
  for (const Json& row : rows) {
    const auto& [a, b] = pairs.at(row.at("name"));
    if (row.at("psnr") == "inf")
      EXPECT_TRUE(std::isinf(psnr(a, b)));
    else
      EXPECT_NEAR(psnr(a, b), row.at("psnr").get<double>(), 1e-9) << row.at("name");
    EXPECT_NEAR(ssim(a, b, SsimBorder::Valid), row.at("ssim_valid").get<double>(), 1e-9) << row.at("name");
    // torchmetrics makes its window in float32.
    EXPECT_NEAR(ssim(a, b), row.at("ssim_reflect").get<double>(), 1e-6) << row.at("name");
  }
}

TEST(Psnr, KnownDifferences) {
  Image a = smooth(16, 16), b = a;
  for (uint8_t& p : b.pixels) p = static_cast<uint8_t>(p ^ 1);
  EXPECT_EQ(mean_squared_error(a, b), 1.0);
  EXPECT_NEAR(psnr(a, b), 48.130803608679, 1e-9);  // 20 log₁₀ 255
  EXPECT_TRUE(std::isinf(psnr(a, a)));
  EXPECT_EQ(ssim(a, a), 1.0);
}

TEST(ShareBeyond, CountsPixelsOnce) {
  const Image a{.width = 4, .height = 1, .channels = 3, .pixels = std::vector<uint8_t>(12, 100)};
  Image b = a;
  b.pixels[0] = 103;
  b.pixels[1] = 90;
  b.pixels[5] = 102;
  EXPECT_EQ(share_beyond(a, b, 2), 0.25);
  EXPECT_EQ(share_beyond(a, b, 1), 0.5);
}

TEST(PictureMetrics, RefuseOtherSizesAndSmallPictures) {
  const Image a = smooth(16, 16), b = smooth(16, 17), small = smooth(10, 40);
  EXPECT_ERROR(psnr(a, b), ErrorKind::InvalidRequest, "16x16 and 16x17");
  EXPECT_ERROR(ssim(small, small), ErrorKind::InvalidRequest, "11x11");
  Image alpha = a;
  alpha.channels = 4;
  alpha.pixels.resize(16 * 16 * 4);
  EXPECT_ERROR(psnr(alpha, alpha), ErrorKind::InvalidRequest, "RGB");
}

}  // namespace
}  // namespace newbie::test
