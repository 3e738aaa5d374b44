// UTF-8, one character at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace newbie {

struct DecodedCharacter {
  char32_t code_point = 0;
  size_t bytes = 0;  // 0: what stands there is not UTF-8
};
DecodedCharacter decode_utf8(std::string_view text, size_t at);  // at < text.size()

// Byte offset of the first sequence that is not UTF-8 (overlong forms, surrogates and values above U+10FFFF included).
std::optional<size_t> find_invalid_utf8(std::string_view text);

void append_utf8(std::string& out, char32_t code_point);

// For messages: a text of at most `most` bytes as it is, of a longer one as many of them as are whole characters and
// "…".
std::string beginning_of(std::string_view text, size_t most);

}  // namespace newbie
