// The texts of picture files, which come in Latin-1 and UTF-16, too.
#pragma once

#include <string>
#include <string_view>

#include "core/utf8.h"

namespace newbie {

inline bool is_utf8(std::string_view text) { return !find_invalid_utf8(text); }

std::string latin1_to_utf8(std::string_view text);

// Lone surrogates become U+FFFD.
std::string utf16_to_utf8(std::u16string_view text);
std::u16string utf8_to_utf16(std::string_view text);  // of well-formed text

}  // namespace newbie
