#include "http/answer.h"

#include <utility>

namespace newbie {

void Answer::ring() {
  net::post(io_, [self = shared_from_this()] { self->news_.cancel(); });
}

void Answer::respond(Response response) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_head_, true)) return;
    news_pending_.head = std::move(response);
    is_whole_ = true;
    on_gone_ = nullptr;
  }
  ring();
}

void Answer::start(Response head, std::string heartbeat) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_head_, true)) return;
    news_pending_.head = std::move(head);
    heartbeat_ = std::move(heartbeat);
    is_stream_ = true;
  }
  ring();
}

// A reader that is too far behind is as good as gone: its share of memory is bounded.
bool Answer::write(std::string piece) {
  {
    const std::lock_guard lock(mutex_);
    if (is_gone_ || is_whole_) return false;
    unsent_ += piece.size();
    if (unsent_ > most_unsent_) {
      news_pending_.is_gone = true;
    } else {
      news_pending_.pieces.push_back(std::move(piece));
    }
  }
  ring();
  return true;
}

void Answer::finish() {
  {
    const std::lock_guard lock(mutex_);
    is_whole_ = true;
    on_gone_ = nullptr;
  }
  ring();
}

void Answer::when_gone(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_gone_) {
      on_gone_ = std::move(call);
      return;
    }
  }
  call();
}

void Answer::abandoned() {
  {
    const std::lock_guard lock(mutex_);
    if (is_whole_) return;
    is_whole_ = true;
    if (!std::exchange(has_head_, true))
      news_pending_.head = Response(500, "application/json", R"({"error":{"message":"the request was not answered"}})");
  }
  ring();
}

void Answer::gone() {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_gone_, true)) return;
    news_pending_.is_gone = true;
    call = std::exchange(on_gone_, nullptr);
  }
  news_.cancel();
  if (call) call();
}

Answer::News Answer::take() {
  const std::lock_guard lock(mutex_);
  News out = std::exchange(news_pending_, {});
  for (const std::string& piece : out.pieces) unsent_ -= piece.size();
  out.is_whole = is_whole_;
  out.is_stream = is_stream_;
  out.heartbeat = heartbeat_;
  return out;
}

net::awaitable<bool> Answer::wait(double seconds) {
  SystemError error;
  news_.expires_after(seconds_of(seconds));
  {
    const std::lock_guard lock(mutex_);
    if (news_pending_.any() || is_whole_) co_return false;  // what comes from here on rings
  }
  co_await news_.async_wait(into(error));
  co_return error != net::error::operation_aborted;
}

}  // namespace newbie
