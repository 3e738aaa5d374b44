// Taking checkpoint keys apart: prefixes, dots and layer numbers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

// What follows `prefix`, or nothing when `key` starts otherwise.
std::optional<std::string_view> strip_prefix(std::string_view key, std::string_view prefix);

// The first of `prefixes` for which prefix + key is among `keys`, or nothing.
std::optional<std::string_view> find_prefix(std::span<const std::string> keys,
                                            std::span<const std::string_view> prefixes, std::string_view key);

bool contains_key(std::span<const std::string> keys, std::string_view prefix, std::string_view key);

// "layers.12.norm" -> {"layers", "12", "norm"}: views into `key`.
std::vector<std::string_view> split_key(std::string_view key);

// A layer number as it stands in keys: one to four digits, no needless zeros. Nothing otherwise.
std::optional<int> parse_index(std::string_view text);

bool is_one_of(std::string_view text, std::span<const std::string_view> choices);

}  // namespace newbie
