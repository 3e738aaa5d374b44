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

// One client that waits for its jobs. Lives as long as one of them calls it.
class Waiter : public std::enable_shared_from_this<Waiter> {
 public:
  Waiter(const Call& call, std::vector<std::string> ids)
      : exchange_(call.exchange), jobs_(call.server.jobs()), ids_(std::move(ids)), owner_(call.owner) {}
  virtual ~Waiter() = default;

  // If its client leaves, its jobs go, too.
  void begin() {
    const std::weak_ptr<Waiter> weak = weak_from_this();
    {
      const std::lock_guard lock(mutex_);
      for (const std::string& id : ids_)
        listeners_.push_back(jobs_.listen(id, owner_, [self = shared_from_this()] { self->look(); }));
    }
    exchange_->when_gone([weak] {
      if (const auto self = weak.lock()) self->client_left();
    });
    look();  // what has happened before anybody listened
  }

 protected:
  // With the lock held. True when nothing more is to come.
  virtual bool take_news() = 0;

  const ExchangePtr exchange_;
  JobService& jobs_;
  const std::vector<std::string> ids_;
  const std::string owner_;

 private:
  void look() {
    Listeners done;  // let go of without the lock: they may be the last to hold this
    const std::lock_guard lock(mutex_);
    if (listeners_.empty()) return;
    try {
      if (!take_news()) return;
    } catch (const Error& error) {
      exchange_->respond(error_answer(error));
      exchange_->finish();
    }
    done = std::move(listeners_);
    listeners_.clear();
  }

  void client_left() {
    Listeners done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(listeners_);
      listeners_.clear();
    }
    if (done.empty()) return;
    for (const std::string& id : ids_) {
      try {
        jobs_.cancel(id, owner_, CancelReason::ClientLeft);
      } catch (const Error&) {  // it has ended and is gone
      }
    }
  }

  using Listeners = std::vector<JobService::Listener>;
  std::mutex mutex_;
  Listeners listeners_;  // empty: nothing more is to be told
};

class EndWaiter : public Waiter {
 public:
  EndWaiter(const Call& call, std::vector<std::string> ids, WhenEnded answer)
      : Waiter(call, std::move(ids)), answer_(std::move(answer)) {}

 private:
  bool take_news() override {
    for (const std::string& id : ids_)
      if (!jobs_.is_over(id, owner_)) return false;
    std::vector<JobView> ended;
    for (const std::string& id : ids_) ended.push_back(jobs_.view(id, owner_));
    Response response = answer_(ended);
    response.set("X-Job-Id", ids_.front());
    response.set("X-Request-Id", ids_.front());
    exchange_->respond(std::move(response));
    return true;
  }

  WhenEnded answer_;
};

class EventWaiter : public Waiter {
 public:
  EventWaiter(const Call& call, const std::string& id, OnEvent on_event)
      : Waiter(call, {id}), on_event_(std::move(on_event)) {}

 private:
  bool take_news() override {
    const std::string& id = ids_.front();
    const JobService::News news = jobs_.news(id, owner_, last_);
    bool is_read = true;
    for (const JobEvent& event : news.events) {
      last_ = event.id;
      if (std::string text = on_event_(event, id); !text.empty()) is_read = exchange_->write(std::move(text));
    }
    if (news.is_over) exchange_->finish();
    return news.is_over || !is_read;
  }

  uint64_t last_ = 0;
  OnEvent on_event_;
};

// One who looks on: where in a job's events it is.
struct Follower {
  JobService& jobs;
  const std::string id, owner;
  uint64_t last;
  JobService::Listener listener = nullptr;

  Exchange::Pieces news() try {
    JobService::News news = jobs.news(id, owner, last);
    Exchange::Pieces out{.texts = {}, .is_last = news.is_over};
    for (JobEvent& event : news.events) out.texts.push_back(std::move(event.text));
    if (!news.events.empty()) last = news.events.back().id;
    return out;
  } catch (const Error&) {  // it was kept for its time, and is gone
    return {.texts = {}, .is_last = true};
  }
};

}  // namespace

void submit_and_wait(const Call& call, std::vector<Submission> submissions, WhenEnded answer) {
  JobService& jobs = call.server.jobs();
  std::vector<std::string> ids;
  try {
    for (Submission& submission : submissions) ids.push_back(jobs.submit(std::move(submission), call.stop));
  } catch (...) {
    for (const std::string& id : ids) jobs.cancel(id, call.owner);  // all of them, or none
    throw;
  }
  std::make_shared<EndWaiter>(call, std::move(ids), std::move(answer))->begin();
}

void submit_and_wait(const Call& call, Submission submission, std::function<Response(const JobView&)> answer) {
  std::vector<Submission> one;
  one.push_back(std::move(submission));
  submit_and_wait(call, std::move(one),
                  [answer = std::move(answer)](const std::vector<JobView>& ended) { return answer(ended.front()); });
}

void submit_and_stream(const Call& call, Submission submission, OnEvent on_event) {
  const std::string id = call.server.jobs().submit(std::move(submission), call.stop);
  Response head = stream_head();
  head.set("X-Job-Id", id);
  head.set("X-Request-Id", id);
  call.exchange->start(std::move(head), kHeartbeat);
  std::make_shared<EventWaiter>(call, id, std::move(on_event))->begin();
}

void stream_job(const Call& call, const std::string& id, uint64_t after) {
  JobService& jobs = call.server.jobs();
  jobs.is_over(id, call.owner);  // or the error that says why not
  const auto follower = std::make_shared<Follower>(Follower{jobs, id, call.owner, after});
  const std::function<void()> ring =
      call.exchange->follow(stream_head(), kHeartbeat, [follower] { return follower->news(); });
  follower->listener = jobs.listen(id, call.owner, ring);
  ring();  // what has happened before anybody listened
}

}  // namespace newbie
