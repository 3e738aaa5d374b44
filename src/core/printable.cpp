#include "core/printable.h"

#include <fmt/format.h>

#include "core/utf8.h"

namespace newbie {

namespace {

std::string escaped(std::string_view text, std::string_view allowed) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0u;
    const bool is_c0 = byte < 0x20 && allowed.find(text[i]) == std::string_view::npos;
    if (is_c0 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // C1 in UTF-8
      out += fmt::format("\\x{:02x}", next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, "\n\t"); }

std::string in_quotes(std::string_view name) { return '\'' + escaped(beginning_of(name, 160), "") + '\''; }

}  // namespace newbie
