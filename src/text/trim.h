// Text without the blanks at its ends.
#pragma once

#include <string_view>

namespace newbie {

inline constexpr std::string_view kBlanks = " \t\r";
inline constexpr std::string_view kBlanksAndLineEnds = " \t\r\n";

inline std::string_view trim(std::string_view text, std::string_view blanks = kBlanks) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace newbie
