#include "line_log.h"

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <mutex>

#include "answers.h"
#include "core/printable.h"

namespace newbie {

namespace {

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

}  // namespace

struct LineLog::Lines {
  std::function<void(std::string_view)> put;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> waiting;
  bool is_writing = false, is_over = false;
  size_t lost = 0;  // since the last line that found room
};

LineLog::LineLog(LogOptions options) : options_(std::move(options)), lines_(std::make_shared<Lines>()) {
  lines_->put = options_.put;
  writer_ = std::thread([lines = lines_] { write_all(lines); });
}

LineLog::~LineLog() {
  std::unique_lock lock(lines_->mutex);
  lines_->is_over = true;
  lines_->changed.notify_all();
  const bool done = lines_->changed.wait_for(lock, std::chrono::seconds(1),
                                             [&] { return lines_->waiting.empty() && !lines_->is_writing; });
  lock.unlock();
  done ? writer_.join() : writer_.detach();
}

void LineLog::write_all(const std::shared_ptr<Lines>& lines) {
  std::unique_lock lock(lines->mutex);
  for (;;) {
    lines->changed.wait(lock, [&] { return lines->is_over || !lines->waiting.empty(); });
    if (lines->waiting.empty()) return;
    const std::string text = std::move(lines->waiting.front());
    lines->waiting.pop_front();
    lines->is_writing = true;
    lock.unlock();
    lines->put(text);
    lock.lock();
    lines->is_writing = false;
    lines->changed.notify_all();
  }
}

void LineLog::put(std::string text) {
  text += "\n";
  const std::lock_guard lock(lines_->mutex);
  if (lines_->waiting.size() >= options_.most_waiting) {
    ++lines_->lost;
    return;
  }
  if (const size_t lost = std::exchange(lines_->lost, 0); lost != 0) {
    const std::string words = fmt::format("{} lines found no room: what reads this log does not keep up", lost);
    lines_->waiting.push_back(worded("warning", words) + "\n");
  }
  lines_->waiting.push_back(std::move(text));
  lines_->changed.notify_all();
}

std::string LineLog::worded(std::string_view kind, std::string_view text) const {
  if (options_.json) return one_line({{"time", time_now()}, {"kind", kind}, {"message", text}});
  return fmt::format("{} {}: {}", time_now(), kind, in_one_line(text));
}

void LineLog::line(std::string_view kind, std::string_view text) { put(worded(kind, text)); }

void LineLog::write(LogLevel level, std::string_view text) {
  if (level == LogLevel::Warning) return line("warning", text);
  if (options_.verbose) line("info", text);
}

void LineLog::say(std::string_view text) { line("server", text); }

void LineLog::request(const Answered& a, std::string_view owner) {
  if (!options_.requests) return;
  if (options_.json)
    return put(one_line({{"time", time_now()},
                         {"kind", "request"},
                         {"client", a.request.client},
                         {"owner", owner},
                         {"method", a.request.method},
                         {"path", a.request.path},
                         {"status", a.status},
                         {"bytes", a.bytes},
                         {"milliseconds", a.seconds * 1000},
                         {"left", a.left}}));
  put(fmt::format("{} request: {} {} {} {} {} bytes {:.1f} ms{}", time_now(), a.request.client,
                  in_one_line(a.request.method), in_one_line(a.request.path), a.status, a.bytes, a.seconds * 1000,
                  a.left ? ", the client left" : ""));
}

}  // namespace newbie
