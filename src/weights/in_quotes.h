// Names from files inside messages: quoted, cut to a readable length, control characters made visible.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace newbie {

inline std::string in_quotes(std::string_view name) {
  constexpr size_t kLongest = 160;
  std::string out = "'";
  size_t used = 0;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (used++ >= kLongest && (byte & 0xC0u) != 0x80u) return out + "…'";  // never inside a UTF-8 character
    if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out + "'";
}

}  // namespace newbie
