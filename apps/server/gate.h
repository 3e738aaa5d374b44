// Who is let in: decided from a request's head alone, before any of its body is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api_keys.h"
#include "http/request.h"
#include "http/response.h"

namespace newbie {

struct GateOptions {
  bool is_loopback = true;           // listens on an address that only this machine reaches
  std::vector<std::string> hosts;    // --host-name: names it is known by, beside localhost
  std::vector<std::string> origins;  // --cors: pages of these may use it, as "https://example.org"
};

// Error{InvalidRequest} unless it is "scheme://host" or "scheme://host:port", of whatever scheme an app's pages have: a
// slash at the end and a wildcard never match.
void check_origin(const std::string& origin);

// Answers for what is not let in, and for questions of browsers (preflights); nothing for the rest.
//
//   421  a loopback server is asked by a foreign name: a page whose own name was made to lead here (DNS rebinding)
//   403  something that changes something, sent by a page of another site
//   401  no key, or none of ours
//
// A refusal names the header, what it held, and the flag that would let it in.
std::optional<Response> gate(const Request& request, const GateOptions& options, const ApiKeys& keys,
                             bool is_open_to_all);

// What a listed origin's page needs to read an answer.
void add_cors(const Request& request, const GateOptions& options, Response& response);

// Whose jobs a request is about: its key's name, or its address where there are no keys.
std::string owner_of(const Request& request, const ApiKeys& keys);

}  // namespace newbie
