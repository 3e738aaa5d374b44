// EXIF blocks (TIFF directories): which way is up, and the text that drawing programs put there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "image/picture_file.h"

namespace newbie {

struct Exif {
  int orientation = 1;           // 1 to 8
  std::vector<TextChunk> texts;  // UTF-8
};

// Reads a block with or without "Exif\0\0" in front: the orientation; UserComment as "parameters" (where A1111's
// pictures have them); ImageDescription, Make and Model of the form "key:{…" as that key (where ComfyUI's have workflow
// and prompt, and ours the request). Whatever is damaged is left out, and
// so are texts of more than `max_text_bytes` each: a picture is not refused for it. Of a tag that is there more than
// once the first counts.
Exif read_exif(std::span<const std::byte> block, size_t max_text_bytes = SIZE_MAX);

// The block for `texts`, without "Exif\0\0": "parameters" becomes the UserComment (UTF-16, as A1111 writes it), up to
// three others go as "key:text" to ImageDescription, Make and Model. Empty when there are none. Error{InvalidRequest}
// for more texts, or text that is not UTF-8.
std::vector<std::byte> write_exif(std::span<const TextChunk> texts);

}  // namespace newbie
