// A file of prepared weights, to be used where they lie: safetensors whose tensors are plain bytes at whole pages, and
// whose index is under a hash, and whose contents are under another at its end. A tensor is named by its place and its
// weight ("000007 layers.0.…"), so that weights lie in the order they were given. What the bytes mean is between those
// who write and find them; `key` names all that decided them.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/fingerprint.h"
#include "weights/formats/safetensors.h"

namespace newbie {

inline constexpr size_t kPackedAlignment = 4096;  // every weight begins at a multiple of it and is filled up to one

// Error{BadFile} naming `where` when the header is not that of a file of prepared weights, when its index is not the
// one that was written, or when it was written for another key.
void check_packed_header(const SafetensorsHeader& header, std::string_view key, std::string_view where);

class PackedFile {
 public:
  // Reads the index, and all weights once where `kept` (may be null) does not know the file as it is now.
  // Error{BadFile} as above, as of SafetensorsFile, and when a byte is not the one that was written.
  PackedFile(const std::filesystem::path& path, std::string_view key, KeptHashes* kept = nullptr);

  std::span<const SafetensorsEntry> entries() const {  // of weights
    return std::span(file_.entries()).first(file_.entries().size() - 1);
  }
  static std::string_view weight_of(const SafetensorsEntry& entry);  // its name
  std::span<const std::byte> bytes(const SafetensorsEntry& entry) const { return file_.bytes(entry); }

  void check_intact() const { file_.check_intact(); }  // Error{BadFile} when the file has shrunk under a read
  void fetch_pages(std::span<const std::byte> range) const { file_.fetch_pages(range); }
  void load_pages(std::span<const std::byte> range) const { file_.load_pages(range); }
  std::span<const std::byte> around(std::span<const std::byte> range) const { return file_.around(range); }
  void drop_pages(std::span<const std::byte> range) const { file_.drop_pages(range); }

 private:
  void check_contents(KeptHashes* kept) const;

  SafetensorsFile file_;
};

// A weight whose bytes are there when they are written: `get` is called once, and what it gives has to hold until the
// next is asked for.
struct PackedWeight {
  std::string name;
  size_t bytes = 0;
  std::function<const std::byte*()> get;
};

// Atomically, one weight after the other, in this order. Errors as of stream_safetensors, and those of `get`.
void write_packed_file(const std::filesystem::path& path, std::string_view key, std::span<const PackedWeight> weights);

}  // namespace newbie
