// Pictures of the tests of src/evaluate: made by formulas that the Python reference knows, too, and the avatars.
#pragma once

#include <filesystem>
#include <string>

#include "image/image.h"

namespace newbie::test {

Image pattern(int width, int height);  // (7x + 13y + 29c + ⌊xy/8⌋) mod 256
Image smooth(int width, int height);   // ⌊255 (x + y + c) / (w + h)⌋

std::filesystem::path avatar_folder();  // 64 pictures of one character each, 128 x 128, with captions.jsonl
Image avatar_picture(const std::string& name);

// Uniform noise of up to `strength` levels up or down, cut to 0…255.
Image with_noise(const Image& image, int strength, uint64_t seed);

// Means over squares of 2 · radius + 1, the border repeated.
Image blurred(const Image& image, int radius);

}  // namespace newbie::test
