// LZW of variable width, as GIF and TIFF have it: codes name strings that were seen before, each one letter longer than
// another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace newbie {

struct LzwKind {
  const char* format;            // for messages
  int letter_bits = 8;           // of an uncompressed letter, at most 8
  bool high_bits_first = false;  // how codes lie in bytes
  bool widens_early = false;     // codes are a bit wider one code sooner than they have to be
};

// Unpacks bytes as they come, no more than `most` letters. A code that means nothing is Error{BadFile}, its message
// opened by `where`.
class LzwUnpacker {
 public:
  LzwUnpacker(const LzwKind& kind, size_t most, std::string_view where);

  void add(std::span<const std::byte> bytes);
  const std::vector<uint8_t>& letters() const { return out_; }
  std::vector<uint8_t> take_letters() { return std::move(out_); }

 private:
  static constexpr int kMostCodeBits = 12;
  static constexpr uint32_t kMostCodes = 1U << kMostCodeBits;

  uint32_t clear_code() const { return 1U << kind_.letter_bits; }
  void clear();
  uint32_t next_code();
  void take(uint32_t code);

  const LzwKind kind_;
  const size_t most_;
  std::string_view where_;
  int code_bits_ = 0, waiting_bits_ = 0;
  uint32_t waiting_ = 0, next_ = 0;
  std::optional<uint32_t> before_;
  bool ended_ = false;
  std::array<uint16_t, kMostCodes> prefix_{};
  std::array<uint8_t, kMostCodes> last_{};
  std::vector<uint8_t> out_;
};

}  // namespace newbie
