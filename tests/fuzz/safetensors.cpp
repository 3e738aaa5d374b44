// Headers of safetensors files: what is accepted tiles the data buffer exactly.
#include "weights/formats/safetensors.h"

#include "fuzz/target.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::survives({ErrorKind::BadFile}, [&] {
    const auto file = std::as_bytes(std::span(data, size));
    const SafetensorsHeader header = parse_safetensors_header(file, "fuzz");
    fuzz::require(header.data_begin <= size, "the data begins inside the file");
    size_t at = 0;
    for (const SafetensorsEntry& entry : header.entries) {
      fuzz::require(entry.begin == at && entry.end >= at && entry.end <= size - header.data_begin,
                    "tensors lie end to end in the data");
      at = entry.end;
    }
    fuzz::require(at == size - header.data_begin, "tensors fill the data");
  });
  return 0;
}
