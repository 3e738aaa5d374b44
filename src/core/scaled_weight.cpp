#include "core/scaled_weight.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace newbie {

namespace {

constexpr std::string_view kMark = "*2^";

// What stands behind a mark: "-4" or "12[384:480]"; the rows are empty for all.
std::optional<RowScale> parse_factor(std::string_view text) {
  RowScale out;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  const auto number = [&](auto& value) {
    const auto [behind, error] = std::from_chars(at, end, value);
    at = behind;
    return error == std::errc();
  };
  const auto sign = [&](char c) { return at != end && *at++ == c; };
  if (!number(out.log2)) return std::nullopt;
  if (at == end) return out;
  const bool rows = sign('[') && number(out.begin) && sign(':') && number(out.end) && sign(']') && at == end;
  return rows && 0 <= out.begin && out.begin < out.end ? std::optional(out) : std::nullopt;
}

}  // namespace

std::string scaled_weight_name(std::string_view name, int log2, std::span<const RowScale> rows) {
  const ScaledWeight before = parse_scaled_weight(name);
  std::string out(before.name);
  if (const int sum = before.log2 + log2; sum != 0) out += fmt::format("{}{}", kMark, sum);
  const auto add = [&](const RowScale& r) { out += fmt::format("{}{}[{}:{}]", kMark, r.log2, r.begin, r.end); };
  std::ranges::for_each(before.rows, add);
  std::ranges::for_each(rows, add);
  return out;
}

ScaledWeight parse_scaled_weight(std::string_view name) {
  ScaledWeight out{name, 0, {}};
  for (;;) {
    const size_t at = out.name.rfind(kMark);
    if (at == std::string_view::npos) break;
    const std::optional<RowScale> factor = parse_factor(out.name.substr(at + kMark.size()));
    if (!factor) break;
    out.name = out.name.substr(0, at);
    if (factor->end == 0)
      out.log2 += factor->log2;
    else
      out.rows.insert(out.rows.begin(), *factor);
  }
  return out;
}

void scale_rows(std::span<const RowScale> rows, size_t row_elements, size_t first, std::span<float> elements) {
  const auto place = [&](int64_t row) {  // of a row's first element in `elements`
    const size_t at = static_cast<size_t>(row) * row_elements;
    return std::min(at < first ? 0 : at - first, elements.size());
  };
  for (const RowScale& r : rows) {
    const float factor = std::ldexp(1.0f, r.log2);
    for (float& value : elements.subspan(place(r.begin), place(r.end) - place(r.begin))) value *= factor;
  }
}

}  // namespace newbie
