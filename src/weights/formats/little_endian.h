// Hostile bytes read from front to back: numbers, little-endian, and texts with their length in front. Nothing is read
// before it is known to be there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/error.h"

namespace newbie {

class LittleEndianReader {
 public:
  // `where` names the file in messages; both outlive the reader.
  LittleEndianReader(std::span<const std::byte> bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  size_t position() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  std::span<const std::byte> since(size_t begin) const { return bytes_.subspan(begin, at_ - begin); }

  // Each throws Error{BadFile} saying in what (`what`) the file ends.
  std::span<const std::byte> take(uint64_t count, std::string_view what) {
    if (count > left())
      fail_with_hint(ErrorKind::BadFile, "an incomplete download: get the file again",
                     "{}: expected {} bytes of {}, got {} until the end of the file", where_, count, what, left());
    at_ += static_cast<size_t>(count);
    return bytes_.subspan(at_ - static_cast<size_t>(count), static_cast<size_t>(count));
  }
  uint64_t number(size_t size, std::string_view what) {  // of 1 to 8 bytes
    uint64_t value = 0;
    const std::span<const std::byte> bytes = take(size, what);
    for (size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes[i]);
    return value;
  }
  uint32_t u32(std::string_view what) { return static_cast<uint32_t>(number(4, what)); }
  uint64_t u64(std::string_view what) { return number(8, what); }
  std::string_view text(std::string_view what) {  // u64 length and bytes; not checked to be UTF-8
    const std::span<const std::byte> bytes = take(u64(what), what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view where_;
  size_t at_ = 0;
};

}  // namespace newbie
