#include "image/unicode.h"

#include <algorithm>
#include <cstdint>

#include "core/utf8.h"

namespace newbie {

std::string latin1_to_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

std::string utf16_to_utf8(std::u16string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t code = text[i];
    if (code >= 0xD800 && code < 0xE000) {
      const bool pair = code < 0xDC00 && i + 1 < text.size() && text[i + 1] >= 0xDC00 && text[i + 1] < 0xE000;
      code = pair ? 0x10000 + ((code - 0xD800) << 10) + (text[++i] - 0xDC00u) : 0xFFFD;
    }
    append_utf8(out, code);
  }
  return out;
}

std::u16string utf8_to_utf16(std::string_view text) {
  std::u16string out;
  for (size_t i = 0; i < text.size();) {
    const DecodedCharacter c = decode_utf8(text, i);
    if (c.code_point < 0x10000) {
      out += static_cast<char16_t>(c.code_point);
    } else {
      out += static_cast<char16_t>(0xD800 + ((c.code_point - 0x10000) >> 10));
      out += static_cast<char16_t>(0xDC00 + ((c.code_point - 0x10000) & 0x3FF));
    }
    i += std::max<size_t>(c.bytes, 1);
  }
  return out;
}

}  // namespace newbie
