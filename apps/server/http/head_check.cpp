#include "http/head_check.h"

#include <algorithm>

#include "http/request.h"

namespace newbie {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr size_t kMostLengthDigits = 18;  // below 2^63

bool is_token_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}
bool is_value_character(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); }
bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// What the lines say about how the body is framed and whom it is for.
struct Framing {
  size_t hosts = 0, lengths = 0, encodings = 0;
  bool is_chunked = true, is_length = true, is_continue = true;
};

std::optional<HeadProblem> check_request_line(std::string_view line, bool& is_1_1) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return HeadProblem{400, "the request line has no three parts"};
  const std::string_view target = line.substr(first + 1, last - first - 1), version = line.substr(last + 1);
  if (!is_token(line.substr(0, first))) return HeadProblem{400, "the method is no word"};
  if (target.empty() || (target[0] != '/' && target != "*" && !absolute_target(target)))
    return HeadProblem{400, "the target does not begin with a slash"};
  if (std::any_of(target.begin(), target.end(), [](char c) { return (c >= 0 && c <= 0x20) || c == 0x7F; }))
    return HeadProblem{400, "the target holds a space or a control character"};
  if (std::any_of(target.begin(), target.end(), [](char c) { return c < 0; }))
    return HeadProblem{400, "the target holds a byte that is not ASCII: %C3%A9 is é"};
  if (!version.starts_with("HTTP/")) return HeadProblem{400, "the request line does not end in a version"};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return HeadProblem{505, "HTTP/1.1 is spoken here"};
  is_1_1 = version == "HTTP/1.1";
  return std::nullopt;
}

std::optional<HeadProblem> check_line(std::string_view line, Framing& framing) {
  if (line[0] == ' ' || line[0] == '\t') return HeadProblem{400, "a folded header line"};
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return HeadProblem{400, "a header line without a proper name"};
  const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), is_value_character))
    return HeadProblem{400, "a control character in a header"};
  if (equal_ignoring_case(name, "Host")) ++framing.hosts;
  if (equal_ignoring_case(name, "Content-Length")) {
    ++framing.lengths;
    framing.is_length = framing.is_length && is_digits(value) && value.size() <= kMostLengthDigits;
  }
  if (equal_ignoring_case(name, "Expect"))
    framing.is_continue = framing.is_continue && equal_ignoring_case(value, "100-continue");
  if (equal_ignoring_case(name, "Transfer-Encoding")) {
    ++framing.encodings;
    framing.is_chunked = framing.is_chunked && equal_ignoring_case(value, "chunked");
  }
  return std::nullopt;
}

std::optional<HeadProblem> check_framing(const Framing& f, bool is_1_1) {
  if (f.hosts > 1 || (is_1_1 && f.hosts == 0)) return HeadProblem{400, "expected one Host header"};
  if (f.lengths > 1 || !f.is_length) return HeadProblem{400, "expected one Content-Length, of digits"};
  if (f.encodings > 0 && f.lengths > 0) return HeadProblem{400, "Content-Length and Transfer-Encoding together"};
  if (f.encodings > 0 && !is_1_1) return HeadProblem{400, "Transfer-Encoding in HTTP/1.0"};
  if (f.encodings > 1 || !f.is_chunked) return HeadProblem{501, "the only Transfer-Encoding known here is chunked"};
  if (!f.is_continue) return HeadProblem{417, "the only Expect known here is 100-continue"};
  return std::nullopt;
}

int digit_of_hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decode_percent(std::string_view text, bool plus_is_space, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = digit_of_hex(text[i + 1]), low = digit_of_hex(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
    out.push_back(c);
  }
  return true;
}

}  // namespace

std::optional<HeadProblem> check_head(std::string_view head, const HeadLimits& limits) {
  if (head.size() > limits.bytes) return HeadProblem{431, "the head is too long"};
  if (!head.ends_with("\r\n\r\n")) return HeadProblem{400, "the head does not end"};
  head.remove_suffix(kLineEnd.size());
  bool is_1_1 = false;
  Framing framing;
  for (size_t lines = 0; !head.empty(); ++lines) {
    const size_t end = head.find(kLineEnd);
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + kLineEnd.size());
    if (line.empty() || line.find_first_of("\r\n") != std::string_view::npos)
      return HeadProblem{400, "a line end that is none"};
    if (lines > limits.headers) return HeadProblem{431, "too many headers"};
    if (auto problem = lines == 0 ? check_request_line(line, is_1_1) : check_line(line, framing)) return problem;
  }
  return check_framing(framing, is_1_1);
}

std::optional<AbsoluteTarget> absolute_target(std::string_view target) {
  const size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const std::string_view name = target.substr(0, scheme);
  if (!equal_ignoring_case(name, "http") && !equal_ignoring_case(name, "https")) return std::nullopt;
  target.remove_prefix(scheme + 3);
  const size_t end = std::min(target.find_first_of("/?#"), target.size());
  const AbsoluteTarget out{target.substr(0, end), target.substr(end)};
  if (out.authority.empty() || out.authority.find('@') != std::string_view::npos) return std::nullopt;
  return out;
}

bool split_target(std::string_view target, std::string& path, std::vector<std::pair<std::string, std::string>>& query) {
  path.clear();
  query.clear();
  const size_t question = target.find('?');
  if (target.empty() || target[0] != '/' || !decode_percent(target.substr(0, question), false, path)) return false;
  for (size_t at = 0; at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string_view rest = std::string_view(path).substr(at + 1);
    if (rest.substr(0, rest.find('/')) == "..") return false;
  }
  if (question == std::string_view::npos) return true;
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    std::string name, value;
    if (!decode_percent(pair.substr(0, equals), true, name)) return false;
    if (equals < pair.size() && !decode_percent(pair.substr(equals + 1), true, value)) return false;
    if (!name.empty()) query.emplace_back(std::move(name), std::move(value));
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  return true;
}

}  // namespace newbie
