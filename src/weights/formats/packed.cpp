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
constexpr const char* kVersion = "2";
constexpr const char* kKey = "key";
constexpr const char* kIndex = "index";

constexpr size_t kPlaceDigits = 6;  // in front of a tensor's name

// The last tensor: the hash of all bytes before it, which is known when they are written.
constexpr std::string_view kContents = "contents";
constexpr size_t kHashDigits = 64;

std::string tensor_name(size_t place, std::string_view weight) {
  return fmt::format("{:0{}} {}", place, kPlaceDigits, weight);  // tensors lie by name
}

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
  if (header.entries.empty() || PackedFile::weight_of(header.entries.back()) != kContents ||
      header.entries.back().end - header.entries.back().begin != kPackedAlignment)
    fail(ErrorKind::BadFile, "{}: expected a hash of its contents at the end, got none", where);
  if (word(kIndex) != hash.hex()) fail(ErrorKind::BadFile, "{}: the index is not the one that was written", where);
  if (header.data_begin % kPackedAlignment != 0)
    fail(ErrorKind::BadFile, "{}: expected the weights at a multiple of {} bytes, got them at {}", where,
         kPackedAlignment, header.data_begin);
}

PackedFile::PackedFile(const std::filesystem::path& path, std::string_view key, KeptHashes* kept) : file_(path) {
  check_packed_header(file_.header(), key, path.string());
  check_contents(kept);
}

void PackedFile::check_contents(KeptHashes* kept) const {
  constexpr size_t kPiece = size_t{1} << 20;
  const std::span<const std::byte> last = file_.bytes(file_.entries().back());
  const std::string written(reinterpret_cast<const char*>(last.data()), kHashDigits);
  const FileStamp stamp = file_.stamp();
  if (kept != nullptr && kept->find(stamp) == written) return;
  Sha256 hash;
  for (std::span<const std::byte> rest = file_.data_bytes().first(file_.entries().back().begin); !rest.empty();) {
    const std::span<const std::byte> piece = rest.first(std::min(rest.size(), kPiece));
    hash.add(piece);
    file_.drop_pages(piece);
    rest = rest.subspan(piece.size());
  }
  file_.check_intact();
  if (hash.hex() != written)
    fail(ErrorKind::BadFile, "{}: the weights are not those that were written", file_.path().string());
  if (kept != nullptr) kept->keep(stamp, written);
}

std::string_view PackedFile::weight_of(const SafetensorsEntry& entry) {
  return std::string_view(entry.name).substr(std::min(entry.name.size(), kPlaceDigits + 1));
}

void write_packed_file(const std::filesystem::path& path, std::string_view key, std::span<const PackedWeight> weights) {
  static constexpr std::array<std::byte, kPackedAlignment> kZeros{};
  IndexHash hash;
  Sha256 contents;
  std::vector<StreamedTensor> tensors;
  const auto add = [&](std::string_view name, size_t bytes, auto produce) {
    hash.add(tensor_name(tensors.size(), name), bytes);
    tensors.push_back({tensor_name(tensors.size(), name), {{static_cast<int64_t>(bytes)}, DType::U8}, produce});
  };
  for (const PackedWeight& weight : weights) {
    const size_t whole = round_up(weight.bytes, kPackedAlignment);
    add(weight.name, whole, [&weight, &contents, whole](const auto& write) {
      const std::span<const std::byte> parts[] = {{weight.get(), weight.bytes},
                                                  std::span(kZeros).first(whole - weight.bytes)};
      for (const std::span<const std::byte> part : parts) {
        contents.add(part);
        write(part);
      }
    });
  }
  add(kContents, kPackedAlignment, [&contents](const auto& write) {
    std::string hex = contents.hex();
    hex.resize(kPackedAlignment, '\0');
    write(std::as_bytes(std::span(hex)));
  });
  stream_safetensors(path, tensors, {{kFormat, kVersion}, {kKey, std::string(key)}, {kIndex, hash.hex()}},
                     kPackedAlignment);
}

}  // namespace newbie
