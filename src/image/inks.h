// Inks as light, for files of CMYK that are read without their profile.
#pragma once

#include <cstdint>

namespace newbie {

// Cyan, magenta, yellow and black, 255 the most ink, to red, green and blue: what each ink leaves of what black leaves.
inline void inks_to_rgb(const uint8_t* cmyk, uint8_t* rgb) {
  for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>(((255u - cmyk[c]) * (255u - cmyk[3]) + 127) / 255);
}

}  // namespace newbie
