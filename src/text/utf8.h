// UTF-8 to code points and back. Every character remembers where it came from, so that a cut can be shown to the user.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/utf8.h"

namespace newbie {

struct Character {
  char32_t code_point;
  size_t begin;  // byte offset in the original text of the character this one is, or was made from
};

// A prompt as characters; Error{InvalidRequest} with the byte offset when it is not UTF-8.
std::vector<Character> decode_prompt(std::string_view text);

// For strings from files: empty when `text` is not UTF-8.
std::optional<std::u32string> to_code_points(std::string_view text);

// Unicode's White_Space property.
bool is_white_space(char32_t code_point);

}  // namespace newbie
