// Text files as other systems write them, made what the models read.
#pragma once

#include <string>
#include <string_view>

namespace newbie {

// Without the byte order mark in front, and with every line end ("\r\n", "\r") as "\n".
inline std::string plain_text(std::string_view file) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (file.starts_with(kMark)) file.remove_prefix(kMark.size());
  std::string out;
  out.reserve(file.size());
  for (size_t i = 0; i < file.size(); ++i) {
    if (file[i] == '\r' && i + 1 < file.size() && file[i + 1] == '\n') continue;
    out += file[i] == '\r' ? '\n' : file[i];
  }
  return out;
}

}  // namespace newbie
