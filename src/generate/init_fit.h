// How a picture to start from, and its mask, take the shape of the picture that is drawn.
#pragma once

#include <cstdint>
#include <optional>

#include "generate/request.h"
#include "image/image.h"

namespace newbie {

using ResizeRule = Image (*)(const Image& image, int width, int height);

// `image` in this size: its middle resized, or all of it with its outermost pixels going on around it (with `fill`
// where that is given), or out of shape.
Image fitted(const Image& image, PictureSize size, InitFit fit, ResizeRule resize, std::optional<uint8_t> fill);

// Whether some of the picture has to go, or something to be added, for it to have this size's shape.
bool has_other_proportions(const Image& image, PictureSize size);

}  // namespace newbie
