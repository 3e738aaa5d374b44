// Pictures that the program wrote, for tests.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "core/files.h"
#include "image/png.h"

namespace newbie::e2e {

inline std::string file_bytes(const std::filesystem::path& path) { return read_file(path, size_t{1} << 30); }

inline DecodedPicture picture(const std::filesystem::path& path) {
  const std::string bytes = file_bytes(path);
  return decode_png(std::as_bytes(std::span(bytes)), path.string());
}

inline std::string text_of(const DecodedPicture& png, const std::string& key) {
  for (const TextChunk& chunk : png.texts)
    if (chunk.key == key) return chunk.text;
  ADD_FAILURE() << "no text " << key;
  return {};
}

// 10 log10(255² / mean squared difference), in dB.
inline double psnr(const Image& a, const Image& b) {
  if (a.pixels.size() != b.pixels.size()) return 0;
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const double d = static_cast<double>(a.pixels[i]) - b.pixels[i];
    sum += d * d;
  }
  if (sum == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / sum);
}

}  // namespace newbie::e2e
