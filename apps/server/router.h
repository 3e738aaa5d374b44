// Which function answers which request: a written-out table, so that its order and its exceptions can be read.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"

namespace newbie {

// How long an answer may take to make.
enum class RouteWork {
  Quick,            // no time
  Plans,            // a request is planned: in the slow lane, whether or not the client stays
  PlansForWaiting,  // the same for a client that waits: if it has left before its turn, nothing is done
};

struct Route {
  std::string_view method;   // GET answers HEAD, too
  std::string_view pattern;  // "/v1/jobs/{id}"
  Dialect dialect;
  bool is_open_to_all;  // without a key
  void (*run)(const Call&);
  std::string_view about;  // for the OpenAPI document
  RouteWork work = RouteWork::Quick;
};

// All of them, in the order they are tried.
std::span<const Route* const> routes();

// The route of a method and a path; null when there is none. `allowed` gets the methods that the path has.
const Route* find_route(std::string_view method, std::string_view path, std::vector<std::string>& arguments,
                        std::string& allowed);

// Finds and runs it; whatever it throws becomes an answer in its dialect.
void dispatch(Server& server, const ExchangePtr& exchange);

// From a request's head alone, on the I/O thread: who is not let in, and what waits for nothing.
std::optional<Response> admit(const Server& server, const Request& request);

}  // namespace newbie
