// Headers of GGUF files: what is accepted lies inside the file, tensor by tensor, and every key and value can be read.
#include "weights/formats/gguf.h"

#include <algorithm>
#include <array>

#include "fuzz/target.h"
#include "weights/formats/gguf_blocks.h"

using namespace newbie;

namespace {

void read_keys(const GgufKeys& keys) {
  for (const auto& [key, value] : keys.all()) {
    const bool is_text = value.kind == GgufKind::Text, is_array = value.kind == GgufKind::Array;
    fuzz::require(is_array == value.element.has_value(), "arrays alone have elements");
    if (is_text) fuzz::require(keys.text(key, "fuzz").has_value(), "texts are read");
    if (!is_text && !is_array) fuzz::require(keys.number(key, "fuzz").has_value(), "numbers are read");
    if (value.element == GgufKind::Text)
      fuzz::require(keys.texts(key, "fuzz")->size() == value.count, "an array has as many texts as it says");
    else if (is_array && *value.element != GgufKind::Array)
      fuzz::require(keys.numbers(key, "fuzz")->size() == value.count, "an array has as many numbers as it says");
  }
}

void read_tensor(const WeightEntry& entry, std::span<const std::byte> data) {
  size_t elements = 1;
  for (const int64_t extent : entry.shape) elements *= static_cast<size_t>(extent);
  fuzz::require(elements != 0, "tensors have elements");
  const std::span<const std::byte> bytes = data.subspan(entry.begin, entry.end - entry.begin);
  if (entry.blocks == nullptr) {
    fuzz::require(entry.dtype && bytes.size() == elements * size_of(*entry.dtype), "plain arrays are whole");
    return;
  }
  std::array<float, 2 * kLargestBlock> values;
  const size_t count = std::min(elements, values.size());
  widen_blocks(*entry.blocks, bytes, elements - count, std::span(values).first(count));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::survives({ErrorKind::BadFile, ErrorKind::Unsupported}, [&] {
    const auto file = std::as_bytes(std::span(data, size));
    const WeightHeader header = parse_gguf_header(file, "fuzz");
    fuzz::require(header.data_begin <= size && !header.entries.empty(), "the data begins inside the file");
    size_t at = 0;
    for (const WeightEntry& entry : header.entries) {
      fuzz::require(entry.begin >= at && entry.end >= entry.begin && entry.end <= size - header.data_begin,
                    "tensors lie one behind the other in the data");
      at = entry.end;
      read_tensor(entry, file.subspan(header.data_begin));
    }
    read_keys(header.keys);
  });
  return 0;
}
