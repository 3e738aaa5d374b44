// multipart/form-data (RFC 7578): the fields and files of a form. Views into the body, nothing is copied.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct FormPart {
  std::string name;
  std::string file_name;   // empty: a field
  std::string media_type;  // empty: not told
  std::string_view data;
};

inline constexpr size_t kMostFormParts = 200;

// Error{InvalidRequest} when `content_type` names no boundary of 1 to 70 proper characters, or the body is damaged: no
// first or last boundary, a part without a name, a head of more than 8 KiB, more than kMostFormParts parts.
std::vector<FormPart> parse_form(std::string_view content_type, std::string_view body);

}  // namespace newbie
