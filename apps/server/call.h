// Call: a request on its way through a route.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "answers.h"
#include "http/exchange.h"
#include "server.h"

namespace newbie {

// `arguments` are what stood for the braces of its pattern.
struct Call {
  Server& server;
  ExchangePtr exchange;
  std::vector<std::string> arguments;
  std::string owner;
  StopToken stop;  // of work that takes long: whoever waits for it has left, or the process ends

  const Request& request() const { return exchange->request(); }
  void answer(Response response) const { exchange->respond(std::move(response)); }
  void answer(const OrderedJson& json, int status = 200) const { answer(json_answer(status, json)); }
  OrderedJson json() const;  // of the body; Error{InvalidRequest} when it is none, or too deep
};

}  // namespace newbie
