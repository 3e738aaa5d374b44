#include "image/grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/checked.h"
#include "image/letters.h"

namespace newbie {

Image grid_of(std::span<const Image> pictures) {
  if (pictures.empty()) fail(ErrorKind::InvalidRequest, "a grid of no pictures");
  const Image& first = pictures.front();
  for (const Image& picture : pictures) {
    check_image(picture);
    if (picture.channels != 3 || picture.width != first.width || picture.height != first.height)
      fail(ErrorKind::InvalidRequest, "a grid of pictures that are not RGB of one size");
  }
  const auto rows = static_cast<size_t>(std::sqrt(static_cast<double>(pictures.size())) + 0.5);
  const size_t columns = (pictures.size() + rows - 1) / rows;
  const auto width = static_cast<size_t>(first.width), height = static_cast<size_t>(first.height);
  if (checked_mul(columns, width) > std::numeric_limits<int>::max() ||
      checked_mul(rows, height) > std::numeric_limits<int>::max())
    fail(ErrorKind::InvalidRequest, "a grid of {} pictures of {}x{} is too large", pictures.size(), width, height);
  Image out{.width = static_cast<int>(columns * width), .height = static_cast<int>(rows * height), .channels = 3};
  out.pixels.resize(pixel_bytes(out.width, out.height, 3));
  for (size_t k = 0; k < pictures.size(); ++k)
    for (size_t y = 0; y < height; ++y)
      std::copy_n(pictures[k].pixels.data() + y * width * 3, width * 3,
                  out.pixels.data() + ((k / columns * height + y) * columns + k % columns) * width * 3);
  return out;
}

namespace {

constexpr int kGap = 4;                 // pixels between pictures
constexpr int kMostBesideLetters = 28;  // of a name beside a row

// As much of a text as `letters` hold.
std::string cut_to(const std::string& text, int letters) {
  constexpr std::string_view kCut = "..";
  if (letters_in(text) <= letters) return text;
  std::string out = text;
  while (!out.empty() && letters_in(out) + static_cast<int>(kCut.size()) > letters) {
    while (out.size() > 1 && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();
    out.pop_back();
  }
  return out + std::string(kCut.substr(0, static_cast<size_t>(std::max(letters, 0))));
}

}  // namespace

Image labelled_grid(std::span<const Image> pictures, std::span<const std::string> columns,
                    std::span<const std::string> rows) {
  if (pictures.empty() || pictures.size() != checked_mul(columns.size(), rows.size()))
    fail(ErrorKind::InvalidRequest, "a grid of {} pictures with {} columns and {} rows", pictures.size(),
         columns.size(), rows.size());
  int width = 1, height = 1;
  for (const Image& picture : pictures) {
    if (picture.pixels.empty()) continue;
    check_image(picture);
    if (picture.channels != 3) fail(ErrorKind::InvalidRequest, "a grid of pictures that are not RGB");
    width = std::max(width, picture.width);
    height = std::max(height, picture.height);
  }
  const int scale = std::clamp(std::min(width, height) / 256, 1, 4) + (std::min(width, height) >= 192 ? 1 : 0);
  int beside = 0;
  for (const std::string& name : rows) beside = std::max(beside, std::min(letters_in(name), kMostBesideLetters));
  const int left = beside == 0 ? kGap : beside * kLetterWidth * scale + 2 * kGap;
  const int above = kLetterHeight * scale + 2 * kGap;
  const size_t whole_width = checked_add(static_cast<size_t>(left), checked_mul(columns.size(), width + kGap));
  const size_t whole_height = checked_add(static_cast<size_t>(above), checked_mul(rows.size(), height + kGap));
  constexpr size_t kMostSide = 65535;
  if (whole_width > kMostSide || whole_height > kMostSide)
    fail(ErrorKind::InvalidRequest, "a grid of {} pictures of {}x{} is too large", pictures.size(), width, height);
  Image out{.width = static_cast<int>(whole_width), .height = static_cast<int>(whole_height), .channels = 3};
  out.pixels.assign(pixel_bytes(out.width, out.height, 3), uint8_t{255});
  const auto x_of = [&](size_t column) { return left + static_cast<int>(column) * (width + kGap); };
  const auto y_of = [&](size_t row) { return above + static_cast<int>(row) * (height + kGap); };
  for (size_t c = 0; c < columns.size(); ++c) {
    const std::string name = cut_to(columns[c], width / (kLetterWidth * scale));
    draw_letters(out, x_of(c) + (width - letters_in(name) * kLetterWidth * scale) / 2, kGap, scale, name);
  }
  for (size_t r = 0; r < rows.size(); ++r)
    draw_letters(out, kGap, y_of(r) + (height - kLetterHeight * scale) / 2, scale, cut_to(rows[r], beside));
  for (size_t k = 0; k < pictures.size(); ++k) {
    const Image& picture = pictures[k];
    if (picture.pixels.empty()) continue;
    const int x = x_of(k % columns.size()) + (width - picture.width) / 2;
    const int y = y_of(k / columns.size()) + (height - picture.height) / 2;
    for (int row = 0; row < picture.height; ++row)
      std::copy_n(picture.pixels.begin() + static_cast<std::ptrdiff_t>(row) * picture.width * 3, picture.width * 3,
                  out.pixels.begin() + (static_cast<std::ptrdiff_t>(y + row) * out.width + x) * 3);
  }
  return out;
}

}  // namespace newbie
