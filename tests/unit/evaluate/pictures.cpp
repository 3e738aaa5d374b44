#include "unit/evaluate/pictures.h"

#include <algorithm>
#include <random>

#include "evaluate/picture_set.h"

namespace newbie::test {

namespace {

template <typename Value>
Image made(int width, int height, Value value) {
  Image out{.width = width, .height = height, .channels = 3, .pixels = {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) out.pixels.push_back(static_cast<uint8_t>(value(x, y, c)));
  return out;
}

}  // namespace

Image pattern(int width, int height) {
  return made(width, height, [](int x, int y, int c) { return (7 * x + 13 * y + 29 * c + x * y / 8) % 256; });
}

Image smooth(int width, int height) {
  return made(width, height, [&](int x, int y, int c) { return 255 * (x + y + c) / (width + height); });
}

std::filesystem::path avatar_folder() { return std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/data/avatar_val"; }

Image avatar_picture(const std::string& name) { return read_rgb(avatar_folder() / name); }

Image with_noise(const Image& image, int strength, uint64_t seed) {
  std::mt19937_64 engine(seed);
  Image out = image;
  for (uint8_t& p : out.pixels) {
    const int step = static_cast<int>(engine() % static_cast<uint64_t>(2 * strength + 1)) - strength;
    p = static_cast<uint8_t>(std::clamp(p + step, 0, 255));
  }
  return out;
}

Image blurred(const Image& image, int radius) {
  return made(image.width, image.height, [&](int x, int y, int c) {
    int sum = 0;
    for (int dy = -radius; dy <= radius; ++dy)
      for (int dx = -radius; dx <= radius; ++dx) {
        const int row = std::clamp(y + dy, 0, image.height - 1), column = std::clamp(x + dx, 0, image.width - 1);
        sum += image.pixels[static_cast<size_t>((row * image.width + column) * 3 + c)];
      }
    return sum / ((2 * radius + 1) * (2 * radius + 1));
  });
}

}  // namespace newbie::test
