// safetensors: u64 little-endian header length, JSON header, data buffer (spec/checkpoints.md §8). A strict reader over
// a mapped file; no tensor byte is touched while opening.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "core/tensor.h"

namespace newbie {

// One tensor as the header describes it.
struct SafetensorsEntry {
  std::string name;
  std::string_view dtype_name;  // "BF16": the format's own word
  std::optional<DType> dtype;   // nothing for dtypes we can list but not read
  std::vector<int64_t> shape;   // any rank; the product fits an int64
  size_t begin = 0;             // bytes [begin, end) of the data buffer
  size_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their bytes: they tile the data buffer
  std::map<std::string, std::string> metadata;
  size_t data_begin = 0;  // where the data buffer starts in the file
};

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

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path, Strictness strictness = Strictness::Strict);

  const std::filesystem::path& path() const { return file_.path(); }
  const SafetensorsHeader& header() const { return header_; }
  const std::vector<SafetensorsEntry>& entries() const { return header_.entries; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  // The entry of that name, or nullptr. It lives as long as this file.
  const SafetensorsEntry* find(std::string_view name) const;

  // Error{Unsupported} when the dtype or the rank is one our tensors do not have.
  TensorSpec spec(const SafetensorsEntry& entry) const;

  // The tensor's bytes where they lie, whatever the dtype; perhaps unaligned. Call check_intact() after using them.
  std::span<const std::byte> bytes(const SafetensorsEntry& entry) const {
    return data_bytes().subspan(entry.begin, entry.end - entry.begin);
  }

  std::span<const std::byte> header_bytes() const { return file_.bytes().first(header_.data_begin); }
  std::span<const std::byte> data_bytes() const { return file_.bytes().subspan(header_.data_begin); }
  size_t file_bytes() const { return file_.bytes().size(); }

  FileStamp stamp() const { return file_.stamp(); }
  void check_intact() const { file_.check_intact(); }  // Error{BadFile} when the file has shrunk under a read
  void fetch_pages(std::span<const std::byte> range) const { file_.fetch_pages(range); }
  void load_pages(std::span<const std::byte> range) const { file_.load_pages(range); }
  std::span<const std::byte> around(std::span<const std::byte> range) const { return file_.around(range); }
  void drop_pages(std::span<const std::byte> range) const { file_.drop_pages(range); }

 private:
  MappedFile file_;
  SafetensorsHeader header_;
  std::map<std::string_view, size_t, std::less<>> by_name_;
};

}  // namespace newbie
