// Text of files as messages and terminals show it: no control characters, no endless lines.
#pragma once

#include <string>
#include <string_view>

namespace newbie {

// Control characters (C0 but line breaks and tabs, DEL, C1) as \x1b, so that no text can steer a terminal.
std::string printable(std::string_view text);

// A name or value from a file inside a message: 'name', control characters as \x0a, cut behind 160 bytes.
std::string in_quotes(std::string_view name);

}  // namespace newbie
