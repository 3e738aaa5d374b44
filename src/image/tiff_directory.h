// Directories of tags, as TIFF has them: EXIF blocks and TIFF pictures are made of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace newbie {

enum TiffType : uint16_t { kTiffByte = 1, kTiffAscii = 2, kTiffShort = 3, kTiffLong = 4, kTiffUndefined = 7 };

// Bytes of one value of a type, 1 to 12; 0 for a type that is none of them.
size_t tiff_type_bytes(uint16_t type);

struct TiffEntry {
  uint16_t tag = 0, type = 0;
  std::string_view value;  // in the file's byte order
};

class TiffBlock {
 public:
  explicit TiffBlock(std::string_view block) : block_(block) {}

  // Reads the header; false when it has none.
  bool open();
  bool is_little_endian() const { return little_; }
  uint32_t first_directory() const { return number(block_.substr(4, 4)); }

  // 1, 2 or 4 bytes in the file's order.
  uint32_t number(std::string_view bytes) const;

  // The entries whose values lie inside the block.
  std::vector<TiffEntry> directory(uint32_t offset) const;
  // Whether it is there to its end, and the values of all its entries.
  bool is_whole(uint32_t offset) const;
  // Where the directory after the one at `offset` lies; 0: there is none.
  uint32_t next_directory(uint32_t offset) const;

 private:
  // Where its rows end, though the block may end before; the block's end where it does not begin.
  size_t end_of(uint32_t offset) const;
  // visit(row, value) for the rows that are there, of nothing where it lies outside; until it says false, and then so.
  template <typename Visit>
  bool for_each_row(uint32_t offset, Visit visit) const;

  std::string_view block_;
  bool little_ = false;
};

}  // namespace newbie
