// Texts out of the JSON that pictures carry.
#pragma once

#include <string>

#include "core/json.h"

namespace newbie {

inline std::string text_of(const OrderedJson& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// An empty string when the key is missing or no string.
inline std::string string_at(const OrderedJson& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

}  // namespace newbie
