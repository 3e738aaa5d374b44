// UTF-8 and UTF-16 for the text in picture files.
#pragma once

#include <string>
#include <string_view>

namespace newbie {

// Well-formed UTF-8: no stray or missing continuation, no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

std::string latin1_to_utf8(std::string_view text);

// Lone surrogates become U+FFFD.
std::string utf16_to_utf8(std::u16string_view text);
std::u16string utf8_to_utf16(std::string_view text);  // of well-formed text

}  // namespace newbie
