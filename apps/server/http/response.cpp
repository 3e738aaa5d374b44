#include "http/response.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "core/error.h"

namespace newbie {

namespace {

constexpr std::pair<int, std::string_view> kPhrases[] = {{200, "OK"},
                                                         {201, "Created"},
                                                         {202, "Accepted"},
                                                         {204, "No Content"},
                                                         {304, "Not Modified"},
                                                         {400, "Bad Request"},
                                                         {401, "Unauthorized"},
                                                         {403, "Forbidden"},
                                                         {404, "Not Found"},
                                                         {405, "Method Not Allowed"},
                                                         {408, "Request Timeout"},
                                                         {409, "Conflict"},
                                                         {410, "Gone"},
                                                         {413, "Content Too Large"},
                                                         {415, "Unsupported Media Type"},
                                                         {417, "Expectation Failed"},
                                                         {421, "Misdirected Request"},
                                                         {422, "Unprocessable Content"},
                                                         {429, "Too Many Requests"},
                                                         {431, "Request Header Fields Too Large"},
                                                         {499, "Client Closed Request"},
                                                         {500, "Internal Server Error"},
                                                         {501, "Not Implemented"},
                                                         {503, "Service Unavailable"},
                                                         {505, "HTTP Version Not Supported"},
                                                         {507, "Insufficient Storage"}};

bool ends_a_line(char c) { return c == '\r' || c == '\n' || c == '\0'; }

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)};  // in the C locale
}

}  // namespace

Response::Response(int code, std::string_view media_type, std::string text) : status(code), body(std::move(text)) {
  set("Content-Type", media_type);
}

void Response::set(std::string_view name, std::string_view value) {
  if (name.empty() ||
      std::any_of(name.begin(), name.end(), [](char c) { return ends_a_line(c) || c == ':' || c == ' '; }))
    fail(ErrorKind::Internal, "a response header without a proper name");
  if (std::any_of(value.begin(), value.end(), ends_a_line))
    fail(ErrorKind::Internal, "the response header {} would end its own line", name);
  for (Header& header : headers_)
    if (equal_ignoring_case(header.name, name)) {
      header.value = value;
      return;
    }
  headers_.push_back({std::string(name), std::string(value)});
}

const std::string* Response::header(std::string_view name) const {
  for (const Header& header : headers_)
    if (equal_ignoring_case(header.name, name)) return &header.value;
  return nullptr;
}

std::string_view Response::body_text() const {
  if (!bytes) return body;
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

std::string_view reason_phrase(int status) {
  for (const auto& [code, phrase] : kPhrases)
    if (code == status) return phrase;
  return "Unknown";
}

std::string head_text(const Response& response, const std::vector<Header>& more) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, reason_phrase(response.status), date_now());
  for (const std::vector<Header>& headers : {std::cref(response.headers()), std::cref(more)})
    for (const Header& header : headers) out += fmt::format("{}: {}\r\n", header.name, header.value);
  return out + "\r\n";
}

}  // namespace newbie
