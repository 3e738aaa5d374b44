#include "core/scaled_weight.h"

#include <fmt/format.h>

#include <charconv>

namespace newbie {

namespace {
constexpr std::string_view kMark = "*2^";
}

std::string scaled_weight_name(std::string_view name, int log2) {
  const ScaledWeight before = parse_scaled_weight(name);
  const int sum = before.log2 + log2;
  return sum == 0 ? std::string(before.name) : fmt::format("{}{}{}", before.name, kMark, sum);
}

ScaledWeight parse_scaled_weight(std::string_view name) {
  const size_t at = name.rfind(kMark);
  if (at == std::string_view::npos) return {name, 0};
  const std::string_view digits = name.substr(at + kMark.size());
  int log2 = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), log2);
  if (error != std::errc() || end != digits.data() + digits.size()) return {name, 0};
  return {name.substr(0, at), log2};
}

}  // namespace newbie
