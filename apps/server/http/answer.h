// Answer: what a handler has said so far to one request, between the handler's thread and the I/O thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/asio.h"
#include "http/exchange.h"

namespace newbie {

class Answer : public std::enable_shared_from_this<Answer> {
 public:
  Answer(net::io_context& io, Request request, size_t most_unsent)
      : request_(std::move(request)), most_unsent_(most_unsent), io_(io), news_(io) {}

  const Request& request() const { return request_; }

  // The handler's side, from any thread.
  void respond(Response response);
  void start(Response head, std::string heartbeat);
  std::function<void()> follow(Response head, std::string heartbeat, Exchange::Source source);
  bool write(std::string piece);
  void finish();
  void when_gone(std::function<void()> call);
  void abandoned();  // the handler has let go: 500 unless it has answered

  // The connection's side, on the I/O thread.
  struct News {
    std::optional<Response> head;  // once
    bool is_stream = false, is_followed = false;
    std::vector<std::shared_ptr<const std::string>> pieces;
    bool is_whole = false;  // nothing follows
    bool is_gone = false;
    std::string heartbeat;
    bool any() const { return head || !pieces.empty() || is_whole || is_gone; }
  };
  News take();
  // Returns when there may be news, or after `seconds`: true.
  net::awaitable<bool> wait(double seconds);
  // Returns after `seconds`, whatever news there is meanwhile; sooner when the client is gone.
  net::awaitable<void> pause(double seconds);
  void gone();  // the client is

 private:
  void begin(Response head, std::string heartbeat);  // with the lock held
  void ring();                                       // wakes wait()

  const Request request_;
  const size_t most_unsent_;
  std::mutex mutex_;
  News news_pending_;
  bool has_head_ = false, is_whole_ = false, is_gone_ = false;
  size_t unsent_ = 0;
  std::string heartbeat_;
  bool is_stream_ = false;
  bool is_waited_for_ = false;  // by wait(), which a ring is to wake
  bool is_rung_ = false;        // `source_` may have more
  Exchange::Source source_;     // of the I/O thread, once it is there
  std::function<void()> on_gone_;
  net::io_context& io_;
  net::steady_timer news_;
};

}  // namespace newbie
