// What masks are made of before they are used: parts of them, softened and inverted.
#pragma once

#include <optional>

#include "image/image.h"

namespace newbie {

struct PixelBox {
  int left = 0, top = 0, width = 0, height = 0;
  bool operator==(const PixelBox&) const = default;
};

// 255 - v of every channel.
Image inverted(Image mask);

// Gaussian of this standard deviation in pixels, edges repeated; of an RGB mask with three equal channels. 0: as it is.
Image softened(Image mask, double sigma);

// The smallest box around everything above 0; nothing where there is none.
std::optional<PixelBox> painted_box(const Image& mask);

// The box with `padding` pixels more on every side, then widened to the proportions of width : height as far as a
// picture of that size reaches; moved inside where it would leave it.
PixelBox grown(PixelBox box, int padding, int width, int height, const Image& picture);

Image cut_out(const Image& image, PixelBox box);

}  // namespace newbie
