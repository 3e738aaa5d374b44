#include "metrics.h"

#include "core/machine.h"

namespace newbie {

namespace {

class Text {
 public:
  Text& family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    return *this;
  }
  template <typename Number>
  Text& value(Number number) {
    out_ += fmt::format("{} {}\n", name_, number);
    return *this;
  }
  // Labels are our own words: states, stages, reasons.
  template <typename Number>
  Text& value(std::string_view label, std::string_view word, Number number) {
    out_ += fmt::format("{}{{{}=\"{}\"}} {}\n", name_, label, word, number);
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string name_, out_;
};

void write_jobs(Text& text, const ServiceCounters& c) {
  text.family("newbie_jobs_total", "counter", "Jobs that have ended, by how.");
  for (const char* state : {"done", "failed", "cancelled"}) {
    const auto found = c.ended.find(state);
    text.value("end", state, found == c.ended.end() ? 0 : found->second);
  }
  text.family("newbie_jobs_left_total", "counter", "Jobs cancelled because their client closed the connection.")
      .value(c.left);
  text.family("newbie_refused_total", "counter", "Submissions refused before any work, by reason.");
  for (const char* reason : {"queue_full", "over_budget", "draining", "not_written"}) {
    const auto found = c.refused.find(reason);
    text.value("reason", reason, found == c.refused.end() ? 0 : found->second);
  }
  text.family("newbie_jobs_waiting", "gauge", "Jobs in the queue.").value(c.waiting);
  text.family("newbie_jobs_drawing", "gauge", "Jobs that draw.").value(c.drawing);
  text.family("newbie_pictures_total", "counter", "Pictures drawn.").value(c.pictures);
  text.family("newbie_evaluations_total", "counter", "Evaluations of the network.").value(c.evaluations);
  text.family("newbie_evaluation_seconds_total", "counter", "Seconds they took.").value(c.evaluation_seconds);
  text.family("newbie_stage_seconds_total", "counter", "Seconds of finished jobs, by stage.");
  for (const auto& [stage, seconds] : c.stage_seconds) text.value("stage", stage, seconds);
  text.family("newbie_guard_events_total", "counter", "Values that left their format and what was run again for them.")
      .value(c.guard_events);
}

}  // namespace

void HttpCounters::add(const Answered& answered) {
  const std::lock_guard lock(mutex_);
  ++by_status_[answered.status];
  if (answered.left) ++left_;
}

std::map<int, uint64_t> HttpCounters::by_status() const {
  const std::lock_guard lock(mutex_);
  return by_status_;
}

uint64_t HttpCounters::left() const {
  const std::lock_guard lock(mutex_);
  return left_;
}

std::string metrics_text(const ServiceCounters* jobs, const HttpCounters& http) {
  Text text;
  text.family("newbie_ready", "gauge", "1 once the model is open.").value(jobs == nullptr ? 0 : 1);
  if (jobs != nullptr) write_jobs(text, *jobs);
  text.family("newbie_memory_bytes", "gauge", "Memory, by kind.")
      .value("kind", "resident", resident_bytes())
      .value("kind", "reserved", jobs == nullptr ? 0 : jobs->reserved_bytes)
      .value("kind", "results", jobs == nullptr ? 0 : jobs->kept_bytes);
  text.family("newbie_http_requests_total", "counter", "Requests answered, by status; 0: none could be sent.");
  for (const auto& [status, count] : http.by_status()) text.value("status", std::to_string(status), count);
  text.family("newbie_http_left_total", "counter", "Clients that closed the connection before their answer was whole.")
      .value(http.left());
  return text.take();
}

}  // namespace newbie
