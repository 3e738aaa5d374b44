#include "models/key_text.h"

#include <algorithm>

namespace newbie {

std::optional<std::string_view> strip_prefix(std::string_view key, std::string_view prefix) {
  if (!key.starts_with(prefix)) return std::nullopt;
  return key.substr(prefix.size());
}

bool contains_key(std::span<const std::string> keys, std::string_view prefix, std::string_view key) {
  return std::any_of(keys.begin(), keys.end(), [&](const std::string& k) { return strip_prefix(k, prefix) == key; });
}

std::optional<std::string_view> find_prefix(std::span<const std::string> keys,
                                            std::span<const std::string_view> prefixes, std::string_view key) {
  for (const std::string_view prefix : prefixes)
    if (contains_key(keys, prefix, key)) return prefix;
  return std::nullopt;
}

std::vector<std::string_view> split_key(std::string_view key) {
  std::vector<std::string_view> parts;
  for (size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
    parts.push_back(key.substr(0, dot));
    key.remove_prefix(dot + 1);
  }
  parts.push_back(key);
  return parts;
}

std::optional<int> parse_index(std::string_view text) {
  if (text.empty() || text.size() > 4 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + (c - '0');
  }
  return value;
}

bool is_one_of(std::string_view text, std::span<const std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

}  // namespace newbie
