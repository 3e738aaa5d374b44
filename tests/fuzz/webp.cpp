// WebP files, with and without loss, EXIF and all: what is read fits itself and its limits.
#include "image/webp.h"

#include "fuzz/read_picture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  newbie::fuzz::read_picture(newbie::decode_webp, data, size);
  return 0;
}
