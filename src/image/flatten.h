// Pictures with alpha, and pictures as masks.
#pragma once

#include "image/image.h"

namespace newbie {

// RGB: what is transparent shows `background` (255: white), rounded to the nearest. RGB stays as it is.
Image flatten(Image image, uint8_t background);

// A mask as RGB with three equal channels: brightness (ITU-R 601, as Pillow's "L") over black, so that what is
// transparent is 0.
Image mask_of(const Image& image);

}  // namespace newbie
