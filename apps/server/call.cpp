#include "call.h"

namespace newbie {

namespace {

// Text of JSON begins with an ASCII character: a zero byte beside it, or a byte order mark of those, tells (RFC 4627
// §3).
bool is_wider_than_utf8(std::string_view body) {
  return body.starts_with("\xFF\xFE") || body.starts_with("\xFE\xFF") || body.substr(0, 2).find('\0') != body.npos;
}

}  // namespace

OrderedJson Call::json() const {
  if (is_wider_than_utf8(request().body)) refuse("", "the body is UTF-16 or UTF-32", "send it as UTF-8");
  try {
    return parse_ordered_json(request().body, "the body");
  } catch (const Error& error) {
    throw Error(ErrorKind::InvalidRequest, error.message(), error.hint());
  }
}

}  // namespace newbie
