// WeightFile: named tensors in a mapped file, whatever its format: what the header says of them, and their bytes where
// they lie. No tensor byte is touched while opening.
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
#include "weights/formats/gguf_keys.h"

namespace newbie {

struct BlockFormat;

// One tensor as the header describes it.
struct WeightEntry {
  std::string name;
  std::string_view dtype_name;          // "BF16", "Q4_K": the format's own word
  std::optional<DType> dtype;           // nothing for what is no plain array of a dtype we can read
  const BlockFormat* blocks = nullptr;  // how it is packed, if it is (weights/formats/gguf_blocks.h)
  std::vector<int64_t> shape;           // any rank; the product fits an int64
  size_t begin = 0;                     // bytes [begin, end) of the data buffer
  size_t end = 0;
};

struct WeightHeader {
  std::vector<WeightEntry> entries;             // in the order of their bytes, which do not overlap
  std::map<std::string, std::string> metadata;  // texts
  GgufKeys keys;                                // of GGUF, texts among them
  size_t data_begin = 0;                        // where the data buffer starts in the file
};

class WeightFile {
 public:
  using Parse = std::function<WeightHeader(std::span<const std::byte> file, std::string_view where)>;
  WeightFile(const std::filesystem::path& path, const Parse& parse);

  const std::filesystem::path& path() const { return file_.path(); }
  const WeightHeader& header() const { return header_; }
  const std::vector<WeightEntry>& entries() const { return header_.entries; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  // The entry of that name, or nullptr. It lives as long as this file.
  const WeightEntry* find(std::string_view name) const;

  // What is packed in blocks counts as BF16: it is read as any float dtype, and would be stored so. Error{Unsupported}
  // when the dtype or the rank is one our tensors do not have.
  TensorSpec spec(const WeightEntry& entry) const;

  // The tensor's bytes where they lie, whatever the dtype; perhaps unaligned. Call check_intact() after using them.
  std::span<const std::byte> bytes(const WeightEntry& entry) const {
    return data_bytes().subspan(entry.begin, entry.end - entry.begin);
  }

  std::span<const std::byte> header_bytes() const { return file_.bytes().first(header_.data_begin); }
  std::span<const std::byte> data_bytes() const { return file_.bytes().subspan(header_.data_begin); }
  size_t file_bytes() const { return file_.bytes().size(); }

  FileStamp stamp() const { return file_.stamp(); }
  void check_intact() const { file_.check_intact(); }  // Error{BadFile} when the file has shrunk under a read
  void fetch_pages(std::span<const std::byte> range) const { file_.fetch_pages(range); }
  void load_pages(std::span<const std::byte> range) const { file_.load_pages(range); }
  void copy(size_t offset, std::span<std::byte> to) const { file_.copy(offset, to); }  // of the whole file
  std::span<const std::byte> around(std::span<const std::byte> range) const { return file_.around(range); }
  void drop_pages(std::span<const std::byte> range) const { file_.drop_pages(range); }

 private:
  MappedFile file_;
  WeightHeader header_;
  std::map<std::string_view, size_t, std::less<>> by_name_;
};

}  // namespace newbie
