#include "http/answer.h"

#include <utility>

namespace newbie {

// A connection that is at something else looks by itself when it is done.
void Answer::ring() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(is_waited_for_, false)) return;
  }
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

void Answer::begin(Response head, std::string heartbeat) {
  has_head_ = true;
  news_pending_.head = std::move(head);
  heartbeat_ = std::move(heartbeat);
  is_stream_ = true;
}

void Answer::start(Response head, std::string heartbeat) {
  {
    const std::lock_guard lock(mutex_);
    if (has_head_) return;
    begin(std::move(head), std::move(heartbeat));
  }
  ring();
}

std::function<void()> Answer::follow(Response head, std::string heartbeat, Exchange::Source source) {
  {
    const std::lock_guard lock(mutex_);
    if (has_head_) return [] {};
    begin(std::move(head), std::move(heartbeat));
    source_ = std::move(source);
    is_rung_ = true;
  }
  ring();
  return [weak = weak_from_this()] {
    const std::shared_ptr<Answer> self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex_);
      self->is_rung_ = true;
    }
    self->ring();
  };
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
      news_pending_.pieces.push_back(std::make_shared<const std::string>(std::move(piece)));
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
    if (is_whole_ || source_) return;  // a source goes on by itself
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
  std::unique_lock lock(mutex_);
  News out = std::exchange(news_pending_, {});
  for (const auto& piece : out.pieces) unsent_ -= piece->size();
  out.is_followed = source_ != nullptr;
  if (out.is_followed && std::exchange(is_rung_, false) && !is_whole_ && !is_gone_) {
    lock.unlock();  // nobody else uses it
    Exchange::Pieces more = source_();
    lock.lock();
    out.pieces = std::move(more.texts);
    is_whole_ = is_whole_ || more.is_last;
  }
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
    if (news_pending_.any() || is_whole_ || is_rung_) co_return false;  // what comes from here on rings
    is_waited_for_ = true;
  }
  co_await news_.async_wait(into(error));
  const std::lock_guard lock(mutex_);
  is_waited_for_ = false;
  co_return error != net::error::operation_aborted;
}

net::awaitable<void> Answer::pause(double seconds) {
  SystemError error;
  {
    const std::lock_guard lock(mutex_);
    if (is_gone_) co_return;
  }
  news_.expires_after(seconds_of(seconds));
  co_await news_.async_wait(into(error));
}

}  // namespace newbie
