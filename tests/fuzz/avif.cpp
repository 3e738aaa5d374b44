// AVIF files: what is read fits itself and its limits.
#include "image/avif.h"

#include "fuzz/read_picture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  newbie::fuzz::read_picture(newbie::decode_avif, data, size);
  return 0;
}
