// What picture files hold beside pixels, and how much of a file is believed.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "image/image.h"

namespace newbie {

// A text entry. The key is 1 to 79 printable ASCII characters ("parameters" is what image tools look for).
// The text is UTF-8; when it comes from an international chunk of a PNG it is as the file has it, unchecked.
struct TextChunk {
  std::string key;
  std::string text;

  bool operator==(const TextChunk&) const = default;
};

struct DecodeLimits {
  int max_side = 16384;
  size_t max_pixels = size_t{64} << 20;
  size_t max_text_bytes = size_t{8} << 20;  // of all text entries, unpacked
};

struct DecodedPicture {
  Image image;
  std::vector<TextChunk> texts;  // in the order of the file
  int orientation = 1;           // EXIF's, 1 to 8: how `image` has to be turned to stand upright; 1 is upright
};

}  // namespace newbie
