// Files of prepared weights: what is accepted lies at whole pages of the file, one weight after the other.
#include "weights/formats/packed.h"

#include "fuzz/target.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::survives({ErrorKind::BadFile}, [&] {
    const SafetensorsHeader header = parse_safetensors_header(std::as_bytes(std::span(data, size)), "fuzz");
    check_packed_header(header, "fuzz", "fuzz");
    fuzz::require(header.data_begin % kPackedAlignment == 0 && header.data_begin <= size, "weights begin at a page");
    size_t at = 0;
    for (const SafetensorsEntry& entry : header.entries) {
      fuzz::require(entry.begin == at && entry.end >= at && entry.end % kPackedAlignment == 0,
                    "weights are whole pages end to end");
      fuzz::require(PackedFile::weight_of(entry).size() <= entry.name.size(),
                    "a weight's name is part of its tensor's");
      at = entry.end;
    }
    fuzz::require(at == size - header.data_begin, "weights fill the file");
  });
  return 0;
}
