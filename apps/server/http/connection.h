// A connection as a loop: deadline, read, handle, write. What all connections share is Hub.
#pragma once

#include <algorithm>
#include <list>
#include <memory>

#include "http/answer.h"
#include "http/server.h"

namespace newbie {

// On the I/O thread only, except for `pool`.
struct Hub {
  explicit Hub(const HttpOptions& given)
      : options(given), pool(static_cast<size_t>(std::max(1, given.handler_threads))) {}

  const HttpOptions options;
  HttpServer::Admit admit;
  Handler handler;
  std::function<void(const Request&, Response&)> before_head;
  std::function<void(const Answered&)> answered;
  net::thread_pool pool;
  std::shared_ptr<net::ssl::context> tls;  // null: none
  bool draining = false;
  size_t connections = 0;
  size_t bodies_bytes = 0;
  std::list<Tcp::socket*> idle;  // waiting for their next request, the longest first
  net::io_context io{1};         // last: connections that end with it use what is above
};

net::awaitable<void> serve_connection(Hub& hub, Tcp::socket socket);

}  // namespace newbie
