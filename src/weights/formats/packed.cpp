#include "weights/formats/packed.h"

#include <algorithm>
#include <array>

#include "core/checked.h"
#include "core/error.h"
#include "weights/safetensors_writer.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

// Of the metadata.
constexpr const char* kFormat = "newbie_packed_weights";
constexpr const char* kVersion = "1";
constexpr const char* kKey = "key";
constexpr const char* kIndex = "index";

constexpr size_t kPlaceDigits = 6;  // in front of a tensor's name

// Names and sizes in the order of the bytes: as the tensors of a safetensors file lie end to end, that is their places.
class IndexHash {
 public:
  void add(std::string_view name, size_t bytes) {
    hash_.add(name.size());
    hash_.add(std::as_bytes(std::span(name)));
    hash_.add(bytes);
  }
  std::string hex() { return hash_.hex(); }

 private:
  Sha256 hash_;
};

}  // namespace

void check_packed_header(const SafetensorsHeader& header, std::string_view key, std::string_view where) {
  const auto word = [&](const char* name) {
    const auto found = header.metadata.find(name);
    return found == header.metadata.end() ? std::string() : found->second;
  };
  if (word(kFormat) != kVersion)
    fail(ErrorKind::BadFile, "{}: expected prepared weights, version {}, got version '{}'", where, kVersion,
         word(kFormat));
  if (word(kKey) != key)
    fail(ErrorKind::BadFile, "{}: expected prepared weights of {}, got those of {}", where, key, word(kKey));
  IndexHash hash;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.dtype != DType::U8 || entry.begin % kPackedAlignment != 0 || entry.end % kPackedAlignment != 0)
      fail(ErrorKind::BadFile, "{}: {}: expected whole pages of bytes, got {} at {} to {}", where, entry.name,
           entry.dtype_name, entry.begin, entry.end);
    hash.add(entry.name, entry.end - entry.begin);
  }
  if (word(kIndex) != hash.hex()) fail(ErrorKind::BadFile, "{}: the index is not the one that was written", where);
  if (header.data_begin % kPackedAlignment != 0)
    fail(ErrorKind::BadFile, "{}: expected the weights at a multiple of {} bytes, got them at {}", where,
         kPackedAlignment, header.data_begin);
}

PackedFile::PackedFile(const std::filesystem::path& path, std::string_view key) : file_(path) {
  check_packed_header(file_.header(), key, path.string());
}

std::string_view PackedFile::weight_of(const SafetensorsEntry& entry) {
  return std::string_view(entry.name).substr(std::min(entry.name.size(), kPlaceDigits + 1));
}

void write_packed_file(const std::filesystem::path& path, std::string_view key, std::span<const PackedWeight> weights) {
  static constexpr std::array<std::byte, kPackedAlignment> kZeros{};
  IndexHash hash;
  std::vector<StreamedTensor> tensors;
  for (const PackedWeight& weight : weights) {
    const size_t whole = round_up(weight.bytes, kPackedAlignment);
    std::string name = fmt::format("{:0{}} {}", tensors.size(), kPlaceDigits, weight.name);  // tensors lie by name
    hash.add(name, whole);
    const TensorSpec spec{{static_cast<int64_t>(whole)}, DType::U8};
    tensors.push_back({std::move(name), spec, [&weight, whole](const auto& write) {
                         write({weight.get(), weight.bytes});
                         write(std::span(kZeros).first(whole - weight.bytes));
                       }});
  }
  stream_safetensors(path, tensors, {{kFormat, kVersion}, {kKey, std::string(key)}, {kIndex, hash.hex()}},
                     kPackedAlignment);
}

}  // namespace newbie
