// Several pictures on one sheet.
#pragma once

#include <span>
#include <string>

#include "image/image.h"

namespace newbie {

// Row by row, about as many rows as columns, black where nothing is left. Error{InvalidRequest} unless all are RGB of
// one size and there is at least one.
Image grid_of(std::span<const Image> pictures);

// The same with `columns` names above and `rows` names beside it, black on white: one picture for each pair, row by
// row. A picture that is smaller than the largest stands in the middle of its place. Names that have no room are cut. A
// place whose picture is empty stays white. Error{InvalidRequest} unless all are RGB and their number fits.
Image labelled_grid(std::span<const Image> pictures, std::span<const std::string> columns,
                    std::span<const std::string> rows);

}  // namespace newbie
