#include "image/tiff_directory.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace newbie {

namespace {

constexpr size_t kCountBytes = 2, kRowBytes = 12, kNextBytes = 4;

}  // namespace

size_t tiff_type_bytes(uint16_t type) {
  constexpr size_t kBytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
  return type < std::size(kBytes) ? kBytes[type] : 0;
}

bool TiffBlock::open() {
  if (block_.size() < 8) return false;
  little_ = block_.starts_with("II");
  return (little_ || block_.starts_with("MM")) && number(block_.substr(2, 2)) == 42;
}

uint32_t TiffBlock::number(std::string_view bytes) const {
  uint32_t out = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    out = out << 8 | static_cast<unsigned char>(bytes[little_ ? bytes.size() - 1 - i : i]);
  return out;
}

std::vector<TiffEntry> TiffBlock::directory(uint32_t offset) const {
  std::vector<TiffEntry> out;
  for_each_row(offset, [&](std::string_view row, std::optional<std::string_view> value) {
    if (value)
      out.push_back(
          {static_cast<uint16_t>(number(row.substr(0, 2))), static_cast<uint16_t>(number(row.substr(2, 2))), *value});
    return true;
  });
  return out;
}

bool TiffBlock::is_whole(uint32_t offset) const {
  const bool values_are = for_each_row(offset, [&](std::string_view row, std::optional<std::string_view> value) {
    return value || tiff_type_bytes(static_cast<uint16_t>(number(row.substr(2, 2)))) == 0;
  });
  return values_are && end_of(offset) + kNextBytes <= block_.size();
}

size_t TiffBlock::end_of(uint32_t offset) const {
  if (offset > block_.size() || block_.size() - offset < kCountBytes) return block_.size();
  return size_t{offset} + kCountBytes + kRowBytes * number(block_.substr(offset, kCountBytes));
}

template <typename Visit>
bool TiffBlock::for_each_row(uint32_t offset, Visit visit) const {
  const size_t end = std::min(end_of(offset), block_.size());
  for (size_t at = size_t{offset} + kCountBytes; at + kRowBytes <= end; at += kRowBytes) {
    const std::string_view row = block_.substr(at, kRowBytes);
    const size_t unit = tiff_type_bytes(static_cast<uint16_t>(number(row.substr(2, 2))));
    const size_t bytes = size_t{number(row.substr(4, 4))} * unit;
    const size_t start = bytes <= 4 ? at + 8 : number(row.substr(8, 4));
    const bool is_there = unit != 0 && start <= block_.size() && block_.size() - start >= bytes;
    if (!visit(row, is_there ? std::optional(block_.substr(start, bytes)) : std::nullopt)) return false;
  }
  return true;
}

uint32_t TiffBlock::next_directory(uint32_t offset) const {
  const size_t at = end_of(offset);
  return at + kNextBytes > block_.size() ? 0 : number(block_.substr(at, kNextBytes));
}

}  // namespace newbie
