// A text, line by line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace newbie {

// Calls visit(line, number) for every line, without its "\n" and the "\r" before it; numbers begin at 1. A line end at
// the end of the text opens no further line.
template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    visit(line, ++number);
  }
}

}  // namespace newbie
