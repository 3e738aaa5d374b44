// EXIF blocks: damage is left out, so nothing is refused; what is found can be written and is found again.
#include "image/exif.h"

#include "fuzz/target.h"
#include "text/utf8.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Exif exif = read_exif(std::as_bytes(std::span(data, size)));
  fuzz::require(exif.orientation >= 1 && exif.orientation <= 8, "there are eight ways up");
  for (const TextChunk& text : exif.texts) fuzz::require(!find_invalid_utf8(text.text), "texts are UTF-8");
  return 0;
}
