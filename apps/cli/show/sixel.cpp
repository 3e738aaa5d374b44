// Sixel, the pictures of VT340 terminals: six rows at a time, one colour after the other. Colours are those of a fixed
// cube of 6 x 7 x 6; what rounding to it leaves over goes to the neighbours (Floyd and Steinberg's weights).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "show/show.h"

namespace newbie {

namespace {

constexpr std::array<int, 3> kLevels{6, 7, 6};
constexpr int kColours = 6 * 7 * 6;

// The colour of each pixel, as its number in the cube.
std::vector<int> dithered(const Image& image) {
  const int width = image.width, height = image.height;
  std::vector<int> out(static_cast<size_t>(width) * static_cast<size_t>(height), 0);
  // Errors of the row and the next, with a pixel of room on both sides.
  const size_t row_size = (static_cast<size_t>(width) + 2) * 3;
  std::vector<float> here(row_size), below(row_size);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const size_t pixel = static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x);
      int index = 0;
      for (size_t c = 0; c < 3; ++c) {
        const size_t at = (static_cast<size_t>(x) + 1) * 3 + c;
        const auto channels = static_cast<size_t>(image.channels);
        const float want = std::clamp(static_cast<float>(image.pixels[pixel * channels + c]) + here[at], 0.0f, 255.0f);
        const auto top = static_cast<float>(kLevels[c] - 1);
        const int level = static_cast<int>(want / 255.0f * top + 0.5f);
        const float error = want - static_cast<float>(level) * 255.0f / top;
        here[at + 3] += error * 7 / 16;
        below[at - 3] += error * 3 / 16;
        below[at] += error * 5 / 16;
        below[at + 3] += error * 1 / 16;
        index = index * kLevels[c] + level;
      }
      out[pixel] = index;
    }
    here.swap(below);
    std::fill(below.begin(), below.end(), 0.0f);
  }
  return out;
}

// A colour of the cube in percent, as sixel wants it.
std::string definition(int index) {
  std::array<int, 3> percent{};
  for (size_t c = 3; c-- > 0;) {
    percent[c] = (index % kLevels[c] * 100 + (kLevels[c] - 1) / 2) / (kLevels[c] - 1);
    index /= kLevels[c];
  }
  return fmt::format("{};{};{}", percent[0], percent[1], percent[2]);
}

void append_run(std::string& out, char sixel, size_t count) {
  if (count > 3)
    out += fmt::format("!{}{}", count, sixel);
  else
    out.append(count, sixel);
}

}  // namespace

std::string sixel_picture(const Image& image) {
  const std::vector<int> colours = dithered(image);
  const auto width = static_cast<size_t>(image.width), height = static_cast<size_t>(image.height);
  std::array<bool, kColours> used{};
  for (const int colour : colours) used[static_cast<size_t>(colour)] = true;
  std::string out = fmt::format("\x1bP0;1q\"1;1;{};{}", width, height);
  for (int i = 0; i < kColours; ++i)
    if (used[static_cast<size_t>(i)]) out += fmt::format("#{};2;{}", i, definition(i));
  std::vector<uint8_t> bits(width * kColours);
  for (size_t top = 0; top < height; top += 6) {
    std::array<bool, kColours> here{};
    std::fill(bits.begin(), bits.end(), uint8_t{0});
    for (size_t row = 0; row < std::min<size_t>(6, height - top); ++row)
      for (size_t x = 0; x < width; ++x) {
        const auto colour = static_cast<size_t>(colours[(top + row) * width + x]);
        bits[colour * width + x] = static_cast<uint8_t>(bits[colour * width + x] | 1u << row);
        here[colour] = true;
      }
    bool first = true;
    for (size_t colour = 0; colour < kColours; ++colour) {
      if (!here[colour]) continue;
      if (!first) out += '$';  // back to the left
      first = false;
      out += fmt::format("#{}", colour);
      for (size_t x = 0; x < width;) {
        size_t end = x + 1;
        while (end < width && bits[colour * width + end] == bits[colour * width + x]) ++end;
        append_run(out, static_cast<char>('?' + bits[colour * width + x]), end - x);
        x = end;
      }
    }
    out += '-';  // six rows down
  }
  return out + "\x1b\\\n";
}

}  // namespace newbie
