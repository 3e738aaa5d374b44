// JSON: the only door to nlohmann-json.
#pragma once

#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace newbie {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// Parses hostile text: Error{BadFile} naming `where` on syntax errors, duplicate keys in one object, nesting deeper
// than 64, or invalid UTF-8. Order of keys is kept in the ordered form.
Json parse_json(std::string_view text, std::string_view where);
OrderedJson parse_ordered_json(std::string_view text, std::string_view where);

// The whole number `json` holds. nlohmann's own get() cuts fractions off, wraps negative numbers round, and is
// undefined for floating-point numbers beyond T. Error{BadFile} naming `what`, expected and got.
template <std::integral T>
T whole_number(const Json& json, std::string_view what) {
  if (json.is_number_unsigned()) {
    if (const auto number = json.get<uint64_t>(); std::in_range<T>(number)) return static_cast<T>(number);
  } else if (json.is_number_integer()) {
    if (const auto number = json.get<int64_t>(); std::in_range<T>(number)) return static_cast<T>(number);
  }
  fail(ErrorKind::BadFile, "{}: expected a whole number from {} to {}, got {}", what, std::numeric_limits<T>::min(),
       std::numeric_limits<T>::max(), json.is_number() ? json.dump() : json.type_name());
}

// That of a member; Json::exception when `object` has none of this name.
template <std::integral T>
void get_whole_number(const Json& object, const char* key, T& out) {
  out = whole_number<T>(object.at(key), key);
}

}  // namespace newbie
