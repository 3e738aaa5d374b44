// How far apart two pictures of one size are (spec/metrics.md §3). RGB, 8 bit: the range R is 255.
#pragma once

#include <string_view>

#include "image/image.h"

namespace newbie {

// Each throws Error{InvalidRequest} unless both pictures are RGB of one size.

double mean_squared_error(const Image& a, const Image& b);  // over all pixels and channels
double psnr(const Image& a, const Image& b);                // 10 log₁₀(255² / MSE); infinite when equal
double psnr_of(double mean_squared_error);

// Share of the pixels of which a channel differs by more than `levels`.
double share_beyond(const Image& a, const Image& b, int levels);

// Which windows are averaged. Reflect: one around every pixel, the picture mirrored at its border without repeating the
// border (torchmetrics). Valid: those inside the picture (scikit-image, the original).
enum class SsimBorder { Reflect, Valid };
std::string_view to_string(SsimBorder border);  // "reflect", "valid"

// Per channel, averaged over windows and channels: Gaussian window of σ = 1.5, 11 x 11, K₁ = 0.01, K₂ = 0.03, moments
// weighted by the window, variances not below 0. Error{InvalidRequest}, too, when a side is shorter than the window.
inline constexpr int kSsimWindow = 11;
double ssim(const Image& a, const Image& b, SsimBorder border = SsimBorder::Reflect);

}  // namespace newbie
