// Base64 (RFC 4648, with padding), for the character map inside tokenizer.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace newbie {

std::optional<std::string> decode_base64(std::string_view text);  // empty when malformed

}  // namespace newbie
