// safetensors: u64 little-endian header length, JSON header, data buffer (spec/checkpoints.md §8). A strict reader over
// a mapped file; no tensor byte is touched while opening.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "weights/formats/weight_file.h"

namespace newbie {

using SafetensorsEntry = WeightEntry;    // in the order of their bytes they tile the data buffer
using SafetensorsHeader = WeightHeader;  // without keys

// How much of a bad habit is let through.
enum class Strictness {
  Strict,   // the format as it is written down
  Lenient,  // and headers padded with NUL bytes, as some writers leave them
};

// Reads the header of a whole file. Error{BadFile} naming `where`, the tensor, expected and got, when any rule is
// broken.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, std::string_view where,
                                           Strictness strictness = Strictness::Strict);

// The format's name of a dtype ("BF16").
std::string_view safetensors_dtype_name(DType dtype);

class SafetensorsFile : public WeightFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path, Strictness strictness = Strictness::Strict);
};

}  // namespace newbie
