// Letters of 5x7 pixels, for labels on sheets of pictures.
#pragma once

#include <string_view>

#include "image/image.h"

namespace newbie {

constexpr int kLetterWidth = 6, kLetterHeight = 8;  // with the gap behind and below

// The width of a text in letters: characters that are not ASCII are one box each.
int letters_in(std::string_view text);

// Black, its upper left corner at (x, y), each pixel of a letter `scale` pixels wide. What lies outside is left out.
void draw_letters(Image& rgb, int x, int y, int scale, std::string_view text);

}  // namespace newbie
