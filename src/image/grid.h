// Several pictures on one sheet.
#pragma once

#include <span>

#include "image/image.h"

namespace newbie {

// Row by row, about as many rows as columns, black where nothing is left. Error{InvalidRequest} unless all are RGB of
// one size and there is at least one.
Image grid_of(std::span<const Image> pictures);

}  // namespace newbie
