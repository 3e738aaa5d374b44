#include "loose_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/request.h"

namespace newbie {

namespace {

constexpr double kExact = 9007199254740992;  // 2^53: beyond it a real number is no certain whole one

template <typename T>
std::optional<T> number_of(std::string_view text) {
  T out{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size() ? std::optional(out) : std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

OrderedJson whole_of(OrderedJson value) {
  std::optional<double> real;
  if (value.is_string()) {
    const std::string_view text = trimmed(value.get_ref<const std::string&>());
    if (const auto number = number_of<uint64_t>(text)) return *number;
    if (const auto number = number_of<int64_t>(text)) return *number;
    real = number_of<double>(text);
  } else if (value.is_number_float()) {
    real = value.get<double>();
  }
  if (!real || *real != std::floor(*real) || std::abs(*real) > kExact) return value;
  return static_cast<int64_t>(*real);
}

OrderedJson real_of(OrderedJson value) {
  if (!value.is_string()) return value;
  const auto number = number_of<double>(trimmed(value.get_ref<const std::string&>()));
  return number && std::isfinite(*number) ? OrderedJson(*number) : value;
}

OrderedJson truth_of(OrderedJson value) {
  if (value.is_number()) return value == 0 ? OrderedJson(false) : value == 1 ? OrderedJson(true) : value;
  if (!value.is_string()) return value;
  const std::string& text = value.get_ref<const std::string&>();
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return equal_ignoring_case(text, word); });
  };
  if (is_one_of({"true", "1", "yes", "on", "y", "t"})) return true;
  if (is_one_of({"false", "0", "no", "off", "n", "f"})) return false;
  return value;
}

}  // namespace

OrderedJson loose_value(FieldKind kind, OrderedJson value) {
  switch (kind) {
    case FieldKind::Integer:
    case FieldKind::Seed: return whole_of(std::move(value));
    case FieldKind::Real: return real_of(std::move(value));
    case FieldKind::Truth: return truth_of(std::move(value));
    case FieldKind::Reals:
    case FieldKind::Adapters:
    case FieldKind::Text:
    case FieldKind::Choice:
    case FieldKind::Picture: return value;
  }
  return value;
}

void loosen_fields(OrderedJson& json) {
  for (const auto& [name, value] : json.items())
    if (const RequestField* field = find_request_field(name)) json[name] = loose_value(field->kind, value);
}

}  // namespace newbie
