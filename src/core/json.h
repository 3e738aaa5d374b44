// JSON: the only door to nlohmann-json.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace newbie {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// Parses hostile text: Error{BadFile} naming `where` on syntax errors, duplicate keys in one object, nesting deeper
// than 64, or invalid UTF-8. Order of keys is kept in the ordered form.
Json parse_json(std::string_view text, std::string_view where);
OrderedJson parse_ordered_json(std::string_view text, std::string_view where);

}  // namespace newbie
