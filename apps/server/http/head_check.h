// What of a request's head is refused before anybody acts on it: whatever two readers could understand differently.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace newbie {

struct HeadLimits {
  size_t bytes = 16384;
  size_t headers = 100;
};

struct HeadProblem {
  int status;  // 400, 417, 431, 501 or 505
  std::string what;
};

// `head` is all from the first byte to the empty line, that included. Stricter than the HTTP library, which takes
// "xchunked" for chunked, a request without Host or with two, folded lines, and two lengths of the same value.
std::optional<HeadProblem> check_head(std::string_view head, const HeadLimits& limits);

// A target in absolute form, as proxies are asked (RFC 9112 §3.2.2): "http://host:7860/v1/jobs" is authority and rest,
// which may be empty. Nothing when it is another: no scheme of HTTP, no authority or one with a user's name.
struct AbsoluteTarget {
  std::string_view authority, rest;  // of the given text
};
std::optional<AbsoluteTarget> absolute_target(std::string_view target);

// A target as "/path?a=b": the path percent-decoded, the pairs of the query too ('+' is a space there). False when it
// is none: it does not begin with a slash, a percent sign is not followed by two digits, a decoded byte is a control
// character, or a step of the path is "..".
bool split_target(std::string_view target, std::string& path, std::vector<std::pair<std::string, std::string>>& query);

}  // namespace newbie
