// Numbers out of the bytes of a picture, none beyond their end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

namespace newbie {

// Little-endian where nothing else is said. Reading past the end is Error{BadFile}: "where: it ends … bytes too early".
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  size_t left() const { return bytes_.size() - at_; }
  void go_to(size_t position) {
    if (position > bytes_.size()) refuse(position - bytes_.size());
    at_ = position;
  }
  std::span<const std::byte> take(size_t count) {
    if (count > left()) refuse(count - left());
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  uint32_t number(size_t count) {
    uint32_t out = 0;
    const auto taken = take(count);
    for (size_t i = count; i-- > 0;) out = out << 8 | std::to_integer<uint32_t>(taken[i]);
    return out;
  }
  // Up to eight bytes, the highest first.
  uint64_t big_endian(size_t count) {
    uint64_t out = 0;
    for (const std::byte b : take(count)) out = out << 8 | std::to_integer<uint64_t>(b);
    return out;
  }
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return number(4); }
  int32_t i32() { return static_cast<int32_t>(number(4)); }

 private:
  [[noreturn]] void refuse(size_t missing) const {
    fail(ErrorKind::BadFile, "{}: it ends {} bytes too early", where_, missing);
  }

  std::span<const std::byte> bytes_;
  std::string_view where_;
  size_t at_ = 0;
};

}  // namespace newbie
