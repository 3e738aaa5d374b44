#include "text/utf8.h"

#include <cstdint>

#include "core/error.h"

namespace newbie {

std::vector<Character> decode_prompt(std::string_view text) {
  std::vector<Character> out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const DecodedCharacter decoded = decode_utf8(text, at);
    if (decoded.bytes == 0) {
      fail_with_hint(ErrorKind::InvalidRequest, "save the prompt as UTF-8",
                     "prompt: byte 0x{:02X} at offset {} is not valid UTF-8", static_cast<uint8_t>(text[at]), at);
    }
    out.push_back({decoded.code_point, at});
    at += decoded.bytes;
  }
  return out;
}

std::optional<std::u32string> to_code_points(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    const DecodedCharacter decoded = decode_utf8(text, at);
    if (decoded.bytes == 0) return std::nullopt;
    out.push_back(decoded.code_point);
    at += decoded.bytes;
  }
  return out;
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace newbie
