// One request that is being answered: now, later from another thread, or piece by piece.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/request.h"
#include "http/response.h"

namespace newbie {

// All members may be called from any thread. Whoever lets the last reference go without having answered has said 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;

  virtual void respond(Response response) = 0;  // once, and no start() beside it

  // A body of unknown length: the head, pieces, the end. While nothing is sent, `heartbeat` is, every 15 seconds
  // (empty: nothing). write() gives false once nobody reads: the client is gone, or too far behind.
  virtual void start(Response head, std::string heartbeat) = 0;
  virtual bool write(std::string piece) = 0;
  virtual void finish() = 0;

  // Called once if the client closes the connection before the answer is whole; at once, if it has.
  virtual void when_gone(std::function<void()> call) = 0;
};

using ExchangePtr = std::shared_ptr<Exchange>;
using Handler = std::function<void(const ExchangePtr&)>;

}  // namespace newbie
