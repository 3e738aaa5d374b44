#include "image/lzw.h"

#include "core/error.h"

namespace newbie {

LzwUnpacker::LzwUnpacker(const LzwKind& kind, size_t most, std::string_view where)
    : kind_(kind), most_(most), where_(where) {
  out_.reserve(most_);
  clear();
}

void LzwUnpacker::clear() {
  code_bits_ = kind_.letter_bits + 1;
  next_ = clear_code() + 2;
  before_.reset();
}

void LzwUnpacker::add(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    if (ended_) return;  // what follows is nobody's
    const auto value = std::to_integer<uint32_t>(byte);
    waiting_ = kind_.high_bits_first ? waiting_ << 8 | value : waiting_ | value << waiting_bits_;
    waiting_bits_ += 8;
    while (waiting_bits_ >= code_bits_ && !ended_) take(next_code());
  }
}

uint32_t LzwUnpacker::next_code() {
  waiting_bits_ -= code_bits_;
  if (kind_.high_bits_first) {
    const uint32_t code = waiting_ >> waiting_bits_;
    waiting_ &= (1U << waiting_bits_) - 1;
    return code;
  }
  const uint32_t code = waiting_ & ((1U << code_bits_) - 1);
  waiting_ >>= code_bits_;
  return code;
}

void LzwUnpacker::take(uint32_t code) {
  if (code == clear_code()) return clear();
  if (code == clear_code() + 1) {
    ended_ = true;
    return;
  }
  if (code > next_ || (code == next_ && !before_) || (code >= next_ && next_ == kMostCodes))
    fail(ErrorKind::BadFile, "{}: damaged {}: a code that means nothing", where_, kind_.format);
  // The string of a code that is about to be made: the one before, and its own first letter.
  const uint32_t known = code == next_ ? *before_ : code;
  std::array<uint8_t, kMostCodes> letters;
  size_t count = 0;
  uint32_t at = known;
  for (; at >= clear_code() + 2; at = prefix_[at]) letters[count++] = last_[at];
  const auto first = static_cast<uint8_t>(at);
  letters[count++] = first;
  while (count > 0 && out_.size() < most_) out_.push_back(letters[--count]);
  if (code == next_ && out_.size() < most_) out_.push_back(first);
  if (before_ && next_ < kMostCodes) {
    prefix_[next_] = static_cast<uint16_t>(*before_);
    last_[next_] = first;
    ++next_;
    if (next_ + (kind_.widens_early ? 1 : 0) == 1U << code_bits_ && code_bits_ < kMostCodeBits) ++code_bits_;
  }
  before_ = code;
}

}  // namespace newbie
