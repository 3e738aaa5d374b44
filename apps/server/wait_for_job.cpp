#include "wait_for_job.h"

#include <mutex>

namespace newbie {

namespace {

constexpr const char* kHeartbeat = ": still here\n\n";  // a comment: proxies see bytes, clients nothing

Response stream_head() {
  Response head(200, "text/event-stream; charset=utf-8", "");
  head.set("Cache-Control", "no-cache, no-transform");
  head.set("X-Accel-Buffering", "no");  // nginx would hand it all over at the end
  return head;
}

// One client that waits for one job. Lives as long as the job calls it.
class Waiter : public std::enable_shared_from_this<Waiter> {
 public:
  Waiter(const Call& call, std::string id)
      : exchange_(call.exchange), jobs_(call.server.jobs()), id_(std::move(id)), owner_(call.owner) {}
  virtual ~Waiter() = default;

  void begin(bool leaves_with_client) {
    const std::weak_ptr<Waiter> weak = weak_from_this();
    {
      const std::lock_guard lock(mutex_);
      listener_ = jobs_.listen(id_, owner_, [self = shared_from_this()] { self->look(); });
    }
    exchange_->when_gone([weak, leaves_with_client] {
      if (const auto self = weak.lock()) self->client_left(leaves_with_client);
    });
    look();  // what has happened before anybody listened
  }

 protected:
  // With the lock held. True when nothing more is to come.
  virtual bool take_news() = 0;

  const ExchangePtr exchange_;
  JobService& jobs_;
  const std::string id_, owner_;

 private:
  void look() {
    JobService::Listener done;  // let go of without the lock: it may be the last to hold this
    const std::lock_guard lock(mutex_);
    if (!listener_) return;
    try {
      if (!take_news()) return;
    } catch (const Error& error) {
      exchange_->respond(error_answer(error));
      exchange_->finish();
    }
    done = std::move(listener_);
  }

  void client_left(bool leaves_with_client) {
    JobService::Listener done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(listener_);
    }
    if (!done || !leaves_with_client) return;
    try {
      jobs_.cancel(id_, owner_, CancelReason::ClientLeft);
    } catch (const Error&) {  // it has ended and is gone
    }
  }

  std::mutex mutex_;
  JobService::Listener listener_;  // null: nothing more is to be told
};

class EndWaiter : public Waiter {
 public:
  EndWaiter(const Call& call, std::string id, std::function<Response(const JobView&)> answer)
      : Waiter(call, std::move(id)), answer_(std::move(answer)) {}

 private:
  bool take_news() override {
    const JobView job = jobs_.view(id_, owner_);
    if (!is_final(job.state)) return false;
    Response response = answer_(job);
    response.set("X-Job-Id", id_);
    response.set("X-Request-Id", id_);
    exchange_->respond(std::move(response));
    return true;
  }

  std::function<Response(const JobView&)> answer_;
};

class EventWaiter : public Waiter {
 public:
  EventWaiter(const Call& call, std::string id, uint64_t after, OnEvent on_event)
      : Waiter(call, std::move(id)), last_(after), on_event_(std::move(on_event)) {}

 private:
  bool take_news() override {
    const JobView job = jobs_.view(id_, owner_);  // first: when it has ended, its last event is among those that follow
    bool is_read = true;
    for (const JobEvent& event : jobs_.events(id_, owner_, last_)) {
      last_ = event.id;
      if (std::string text = on_event_(event, job); !text.empty()) is_read = exchange_->write(std::move(text));
    }
    if (is_final(job.state)) exchange_->finish();
    return is_final(job.state) || !is_read;
  }

  uint64_t last_;
  OnEvent on_event_;
};

}  // namespace

void submit_and_wait(const Call& call, Submission submission, std::function<Response(const JobView&)> answer) {
  const std::string id = call.server.jobs().submit(std::move(submission));
  std::make_shared<EndWaiter>(call, id, std::move(answer))->begin(true);
}

void submit_and_stream(const Call& call, Submission submission, OnEvent on_event) {
  const std::string id = call.server.jobs().submit(std::move(submission));
  Response head = stream_head();
  head.set("X-Job-Id", id);
  head.set("X-Request-Id", id);
  call.exchange->start(std::move(head), kHeartbeat);
  std::make_shared<EventWaiter>(call, id, 0, std::move(on_event))->begin(true);
}

void stream_job(const Call& call, const std::string& id, uint64_t after, OnEvent on_event) {
  call.server.jobs().view(id, call.owner);  // or the error that says why not
  call.exchange->start(stream_head(), kHeartbeat);
  std::make_shared<EventWaiter>(call, id, after, std::move(on_event))->begin(false);
}

}  // namespace newbie
