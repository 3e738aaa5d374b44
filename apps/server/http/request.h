// A request as the rest of the server sees it: no type of the HTTP library.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace newbie {

struct Header {
  std::string name, value;
};

struct Request {
  std::string method;  // "GET", as it came
  std::string target;  // "/v1/jobs?most=3", as it came
  std::string path;    // "/v1/jobs", percent-decoded
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<Header> headers;
  std::string body;
  std::string client;      // its address, without the port
  bool encrypted = false;  // TLS

  // The first of that name, in any case; null when there is none.
  const std::string* header(std::string_view name) const;
  std::string_view header_or(std::string_view name, std::string_view otherwise) const;
  const std::string* query_value(std::string_view name) const;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);  // of ASCII letters

}  // namespace newbie
