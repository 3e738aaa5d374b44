// Pictures inside requests: base64, as clients send it. No address is ever fetched.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "generate/request_json.h"
#include "image/picture_file.h"

namespace newbie {

// Bare base64 or "data:image/png;base64,…". Error{InvalidRequest} with `field` when it is none, when it is an address,
// or when what it holds is no picture or a larger one than `limits`.
DecodedPicture picture_of_base64(std::string_view field, std::string_view text, const DecodeLimits& limits);

// The same for bytes of a file.
DecodedPicture picture_of_bytes(std::string_view field, std::string_view bytes, const DecodeLimits& limits);

// For request_from_json().
PictureReader picture_reader(const DecodeLimits& limits);

}  // namespace newbie
