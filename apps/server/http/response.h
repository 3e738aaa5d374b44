// An answer before it is on the wire.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.h"

namespace newbie {

class Response {
 public:
  int status = 200;
  std::string body;
  std::shared_ptr<const std::vector<std::byte>> bytes;  // instead of `body`, when set: shared with whoever keeps them
  bool closes = false;                                  // the connection ends with it

  Response() = default;
  Response(int code, std::string_view media_type, std::string text);

  // Replaces one of that name. Error{Internal} when name or value hold what would end the line: nobody's words become
  // headers of their own.
  void set(std::string_view name, std::string_view value);
  const std::vector<Header>& headers() const { return headers_; }
  const std::string* header(std::string_view name) const;

  size_t body_bytes() const { return bytes ? bytes->size() : body.size(); }
  std::string_view body_text() const;

 private:
  std::vector<Header> headers_;
};

std::string_view reason_phrase(int status);

// "HTTP/1.1 200 OK\r\n…\r\n\r\n": status line, a date, the headers, and those given after them.
std::string head_text(const Response& response, const std::vector<Header>& more);

}  // namespace newbie
