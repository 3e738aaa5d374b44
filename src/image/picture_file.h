// What picture files hold beside pixels, and how much of a file is believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "image/colour.h"
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
  // What decoding may take beside the file's own bytes, by what its header says; more is Error{OverBudget}.
  size_t max_memory_bytes = SIZE_MAX;
  bool texts_only =
      false;  // the picture gets its sides and its texts, and no pixels: what lies between is not unpacked
};

// Error{BadFile} for a side below 1, or more than the limits allow.
void check_size(const DecodeLimits& limits, std::string_view where, int64_t width, int64_t height);

// Error{OverBudget} when a picture of that size needs more than the limits allow. `bytes`: what the decoder holds at
// its largest moment.
void check_memory(const DecodeLimits& limits, std::string_view where, int64_t width, int64_t height, size_t bytes);

struct DecodedPicture {
  Image image;
  std::vector<TextChunk> texts;  // in the order of the file
  ColourFacts colours;           // of `image`, which has the file's own numbers
  bool is_animation = false;     // `image` is the first of several pictures
  int orientation = 1;           // EXIF's, 1 to 8: how `image` has to be turned to stand upright; 1 is upright
};

}  // namespace newbie
