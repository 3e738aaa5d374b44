#include "image/colour.h"

#include <lcms2.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace newbie {

namespace {

template <auto Delete>
struct Deleter {
  template <typename T>
  void operator()(T* what) const {
    Delete(what);
  }
};
using Profile = std::unique_ptr<void, Deleter<cmsCloseProfile>>;
using Transform = std::unique_ptr<void, Deleter<cmsDeleteTransform>>;
using Curve = std::unique_ptr<cmsToneCurve, Deleter<cmsFreeToneCurve>>;

// Of gAMA and cHRM. Within a twentieth of sRGB's own exponent it is sRGB with another word for it, as libpng judges.
Profile profile_of(const ColourFacts& colours) {
  constexpr double kSrgbGamma = 1 / 2.2, kNear = 0.05;
  const bool usual_gamma = !colours.gamma || std::abs(*colours.gamma / kSrgbGamma - 1) < kNear;
  if (usual_gamma && !colours.chromaticities) return nullptr;
  constexpr std::array<double, 8> kSrgb{0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06};
  const std::array<double, 8>& c = colours.chromaticities ? *colours.chromaticities : kSrgb;
  const cmsCIExyY white{c[0], c[1], 1};
  const cmsCIExyYTRIPLE primaries{{c[2], c[3], 1}, {c[4], c[5], 1}, {c[6], c[7], 1}};
  // IEC 61966-2-1: a power with a straight piece near black.
  constexpr cmsFloat64Number kSrgbCurve[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  const Curve curve(usual_gamma ? cmsBuildParametricToneCurve(nullptr, 4, kSrgbCurve)
                                : cmsBuildGamma(nullptr, 1 / *colours.gamma));
  if (!curve) throw std::bad_alloc();
  cmsToneCurve* curves[] = {curve.get(), curve.get(), curve.get()};
  return Profile(cmsCreateRGBProfile(&white, &primaries, curves));
}

constexpr std::string_view kUnusable = "its colour profile cannot be used: colours are taken as sRGB";

// A grey picture was decoded to three equal channels. By a table of its 256 levels, each computed exactly: what the
// library itself makes of grey profiles in 8 bits is off by six levels in the shadows.
std::string grey_to_srgb(Image& image, const Profile& from, const Profile& to) {
  const Transform transform(
      cmsCreateTransform(from.get(), TYPE_GRAY_8, to.get(), TYPE_RGB_8, INTENT_PERCEPTUAL, cmsFLAGS_NOOPTIMIZE));
  if (!transform) return std::string(kUnusable);
  std::array<uint8_t, 256> levels{};
  std::array<uint8_t, 256 * 3> colours{};
  for (size_t v = 0; v < levels.size(); ++v) levels[v] = static_cast<uint8_t>(v);
  cmsDoTransform(transform.get(), levels.data(), colours.data(), static_cast<cmsUInt32Number>(levels.size()));
  const auto pixel = static_cast<size_t>(image.channels);
  for (size_t i = 0; i + pixel <= image.pixels.size(); i += pixel)
    std::copy_n(&colours[size_t{image.pixels[i]} * 3], 3, &image.pixels[i]);
  return {};
}

}  // namespace

std::string to_srgb(Image& image, const ColourFacts& colours) {
  if (colours.is_srgb()) return {};
  Profile from =
      colours.icc.empty()
          ? profile_of(colours)
          : Profile(cmsOpenProfileFromMem(colours.icc.data(), static_cast<cmsUInt32Number>(colours.icc.size())));
  if (!from) return colours.icc.empty() ? "" : "its colour profile is damaged: colours are taken as sRGB";
  const cmsColorSpaceSignature space = cmsGetColorSpace(from.get());
  const bool grey = space == cmsSigGrayData;
  if (!grey && space != cmsSigRgbData)
    return "its colour profile is not of red, green and blue: colours are taken as sRGB";
  const Profile to(cmsCreate_sRGBProfile());
  if (grey) return grey_to_srgb(image, from, to);
  const auto pixel = static_cast<size_t>(image.channels);
  const cmsUInt32Number rgb = pixel == 4 ? TYPE_RGBA_8 : TYPE_RGB_8;
  const Transform transform(cmsCreateTransform(from.get(), rgb, to.get(), rgb, INTENT_PERCEPTUAL, 0));
  if (!transform) return std::string(kUnusable);
  const size_t row_bytes = static_cast<size_t>(image.width) * pixel;
  std::vector<uint8_t> row(row_bytes);  // alpha comes along from here: the transform leaves it alone
  for (int y = 0; y < image.height; ++y) {
    uint8_t* at = image.pixels.data() + static_cast<size_t>(y) * row_bytes;
    row.assign(at, at + row_bytes);
    cmsDoTransform(transform.get(), row.data(), at, static_cast<cmsUInt32Number>(image.width));
  }
  return {};
}

}  // namespace newbie
