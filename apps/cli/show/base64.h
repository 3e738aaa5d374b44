// Base64 (RFC 4648, with padding), in which terminals take pictures.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace newbie {

std::string base64(std::span<const std::byte> bytes);

}  // namespace newbie
