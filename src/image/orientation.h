// Turning pictures upright.
#pragma once

#include "image/image.h"

namespace newbie {

// The picture as EXIF orientation 1…8 means it to be seen: 1 as it is, 2 mirrored, 3 turned by 180°, 4 upside down,
// 5 transposed, 6 turned clockwise, 7 transposed across the other diagonal, 8 turned counterclockwise.
// Error{InvalidRequest} for other numbers.
Image upright(Image image, int orientation);
constexpr bool swaps_sides(int orientation) { return orientation >= 5; }

}  // namespace newbie
