// One request that is being answered: now, later from another thread, or piece by piece.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

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

  // The same where what is to be said lies elsewhere: `source` is asked for what is new there when the answer begins,
  // and soon after what comes back was called, until it has given the last piece. It is asked on the I/O thread, and
  // must be quick. Twenty times a second at most, for all that is new by then: many readers of many small pieces would
  // take processor time that others work with. What comes back may be called from any thread, at any time.
  struct Pieces {
    std::vector<std::shared_ptr<const std::string>> texts;
    bool is_last = false;
  };
  using Source = std::function<Pieces()>;
  virtual std::function<void()> follow(Response head, std::string heartbeat, Source source) = 0;

  // Called once if the client closes the connection before the answer is whole; at once, if it has.
  virtual void when_gone(std::function<void()> call) = 0;
};

using ExchangePtr = std::shared_ptr<Exchange>;
using Handler = std::function<void(const ExchangePtr&)>;

}  // namespace newbie
