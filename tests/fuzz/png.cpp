// PNG files with their checksums put right first, so that what lies behind them is reached. What is read can be
// written, and is read again as the same picture.
#include "image/png.h"

#include <zlib.h>

#include "fuzz/target.h"

using namespace newbie;

namespace {

uint32_t big_endian(const std::byte* b) {
  uint32_t out = 0;
  for (int i = 0; i < 4; ++i) out = out << 8 | std::to_integer<uint32_t>(b[i]);
  return out;
}

void fix_checksums(std::span<std::byte> file) {
  for (size_t at = 8; at + 12 <= file.size();) {
    const size_t length = big_endian(&file[at]);
    if (length > file.size() - at - 12) return;
    const auto sum =
        static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(&file[at + 4]), static_cast<uInt>(length + 4)));
    for (size_t i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<std::byte>(sum >> (24 - 8 * i));
    at += 12 + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<std::byte> file(bytes.begin(), bytes.end());
  fix_checksums(file);
  // Small limits: a header can ask for nothing that takes long.
  const DecodeLimits limits{.max_side = 256, .max_pixels = 1 << 14, .max_text_bytes = 1 << 14};
  fuzz::survives({ErrorKind::BadFile}, [&] {
    const DecodedPicture png = decode_png(file, "fuzz", limits);
    fuzz::require(png.image.width <= limits.max_side && png.image.height <= limits.max_side, "sides are limited");
    fuzz::require(decode_png(encode_png(png.image)).image == png.image, "a picture survives writing and reading");
  });
  return 0;
}
