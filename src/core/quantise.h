// Rows as 8-bit whole numbers with one scale each: x ≈ q · scale, |q| <= 127, no zero point.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace newbie {

struct Int8Scale {
  float scale = 0;    // the largest magnitude / 127; NaN when a value is not finite, so that results show it
  float inverse = 0;  // what a value is multiplied by before it is rounded; 0 for a row of zeros

  explicit Int8Scale(float largest_magnitude)
      : scale(std::isfinite(largest_magnitude) ? largest_magnitude / 127.0f : NAN),
        inverse(scale > 0 && std::isfinite(127.0f / largest_magnitude) ? 127.0f / largest_magnitude : 0) {}

  int8_t quantise(float x) const {  // to nearest, ties to even
    const float q = std::nearbyint(x * inverse);
    return static_cast<int8_t>(std::clamp(std::isnan(q) ? 0.0f : q, -127.0f, 127.0f));
  }
};

}  // namespace newbie
