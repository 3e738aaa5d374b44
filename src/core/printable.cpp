#include "core/printable.h"

#include <fmt/format.h>

#include "core/utf8.h"

namespace newbie {

namespace {

constexpr bool is_within(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

// Characters that a terminal obeys, or that it shows nothing of while others move.
bool is_obeyed(char32_t c) {
  const bool is_control = c < 0x20 || is_within(c, 0x7F, 0x9F);
  const bool is_line_break = is_within(c, 0x2028, 0x2029);
  const bool is_bidirectional = c == 0x061C || is_within(c, 0x200E, 0x200F) || is_within(c, 0x202A, 0x202E) ||
                                is_within(c, 0x2066, 0x2069);  // PropList.txt: Bidi_Control
  return is_control || is_line_break || is_bidirectional;
}

std::string escaped(std::string_view text, std::string_view allowed, size_t most_bytes) {
  constexpr std::string_view kCut = "…";
  std::string out;
  size_t whole = 0;  // bytes of `out` that the mark of a cut still fits behind
  for (size_t at = 0; at < text.size();) {
    const DecodedCharacter c = decode_utf8(text, at);
    const size_t bytes = c.bytes == 0 ? 1 : c.bytes;
    const std::string_view as_it_is = text.substr(at, bytes);
    if (c.bytes == 0)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    else if (!is_obeyed(c.code_point) || allowed.find(as_it_is) != std::string_view::npos)
      out += as_it_is;
    else if (c.code_point < 0x80)
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c.code_point));
    else
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c.code_point));
    at += bytes;
    if (out.size() > most_bytes) return out.substr(0, whole).append(kCut);
    whole = out.size();
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, "\n\t", std::string_view::npos); }

std::string in_one_line(std::string_view text, size_t most_bytes) { return escaped(text, "", most_bytes); }

std::string in_quotes(std::string_view name) { return '\'' + in_one_line(name, 160) + '\''; }

std::string printable_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (size_t at = 0; at < json.size();) {
    const DecodedCharacter c = decode_utf8(json, at);
    const std::string_view as_it_is = json.substr(at, c.bytes == 0 ? 1 : c.bytes);
    // Controls below 0x20 stand between values alone: inside strings JSON has escaped them.
    if (c.code_point >= 0x20 && is_obeyed(c.code_point))
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c.code_point));
    else
      out += as_it_is;
    at += as_it_is.size();
  }
  return out;
}

}  // namespace newbie
