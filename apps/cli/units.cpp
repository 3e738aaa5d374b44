#include "units.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"

namespace newbie {

namespace {

template <typename T>
bool parse_whole(std::string_view text, T& out) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && end == text.data() + text.size();
}

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr Unit kUnits[] = {
    // in small letters: people write 6gb, too
    {"", 1},       {"b", 1},      {"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40}, {"k", 0x1p10},
    {"m", 0x1p20}, {"g", 0x1p30}, {"t", 0x1p40},   {"kb", 1e3},     {"mb", 1e6},     {"gb", 1e9},     {"tb", 1e12},
};

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

int64_t parse_integer(std::string_view what, std::string_view text) {
  int64_t out = 0;
  if (!parse_whole(text, out)) fail(ErrorKind::InvalidRequest, "{}: expected a whole number, got '{}'", what, text);
  return out;
}

double parse_real(std::string_view what, std::string_view text) {
  double out = 0;
  if (!parse_whole(text, out) || !std::isfinite(out))
    fail(ErrorKind::InvalidRequest, "{}: expected a number, got '{}'", what, text);
  return out;
}

std::vector<double> parse_reals(std::string_view what, std::string_view text) {
  std::vector<double> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string_view one = text.substr(begin, end - begin);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    out.push_back(parse_real(what, one));
    begin = end + 1;
  }
  return out;
}

std::vector<int32_t> parse_token_ids(std::string_view what, std::string_view text) {
  std::vector<int32_t> out;
  for (const double id : parse_reals(what, text)) {
    if (id < 0 || id > 0x7FFFFFFF || id != static_cast<int32_t>(id))
      fail(ErrorKind::InvalidRequest, "{}: expected token ids, got {}", what, id);
    out.push_back(static_cast<int32_t>(id));
  }
  return out;
}

size_t parse_bytes(std::string_view what, std::string_view text) {
  size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  std::string unit = lowered(text.substr(std::min(text.find_first_not_of(' ', digits), text.size())));
  if (parse_whole(text.substr(0, digits), number))
    for (const Unit& known : kUnits)
      if (known.name == unit && number * known.bytes >= 1 && number * known.bytes < 0x1p62)
        return static_cast<size_t>(number * known.bytes);
  fail_with_hint(ErrorKind::InvalidRequest, "units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB",
                 "{}: expected a size such as 6GiB or 800MB, got '{}'", what, text);
}

size_t parse_memory(std::string_view what, std::string_view text) {
  const size_t bytes = parse_bytes(what, text);
  if (bytes < size_t{1} << 20)
    fail_with_hint(ErrorKind::InvalidRequest, fmt::format("a bare number is bytes; perhaps {}GiB was meant", text),
                   "{}: {} bytes hold no program", what, bytes);
  return bytes;
}

std::string format_number(double value) { return fmt::format("{:.6g}", value); }

std::string format_bytes(size_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= size_t{10} << 30) return fmt::format("{:.1f} GiB", value / 0x1p30);
  if (bytes >= size_t{10} << 20) return fmt::format("{:.0f} MiB", value / 0x1p20);
  if (bytes >= size_t{1} << 20) return fmt::format("{:.1f} MiB", value / 0x1p20);
  return fmt::format("{:.0f} KiB", std::ceil(value / 0x1p10));
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(std::min(std::max(seconds, 0.0), 1e9)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace newbie
