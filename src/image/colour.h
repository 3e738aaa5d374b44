// What a file says of its colours, and its pixels as sRGB, which is what the model was trained on.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "image/image.h"

namespace newbie {

// Of a file, as it says it; nothing: sRGB.
struct ColourFacts {
  std::vector<std::byte> icc;  // an ICC profile
  // PNG's gAMA and cHRM, where there is no profile and no sRGB chunk. `gamma`: stored = light^gamma, 0.45455 is nearly
  // sRGB. `chromaticities`: x and y of white, red, green, blue; nothing: those of sRGB.
  std::optional<double> gamma;
  std::optional<std::array<double, 8>> chromaticities;

  bool is_srgb() const { return icc.empty() && !gamma && !chromaticities; }
};

inline constexpr size_t kMaxIccBytes = size_t{4} << 20;  // printers' profiles with large tables have two

// Changes RGB or RGBA pixels to sRGB, alpha apart (perceptual intent, as colour-managed viewers do). A profile that
// cannot be used leaves them as they are: what comes back then says why, for people; else it is empty.
std::string to_srgb(Image& image, const ColourFacts& colours);

}  // namespace newbie
