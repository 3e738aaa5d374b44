// Base64 (RFC 4648, with padding): bytes inside JSON, HTML and terminals.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace newbie {

std::string encode_base64(std::span<const std::byte> bytes);
std::optional<std::string> decode_base64(std::string_view text);  // empty when malformed

}  // namespace newbie
