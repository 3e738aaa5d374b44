#include "line_log.h"

#include <ctime>

#include "answers.h"

namespace newbie {

namespace {

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out.push_back(c);
  }
  return out;
}

}  // namespace

void LineLog::put(const std::string& text) {
  const std::lock_guard lock(mutex_);
  options_.put(text + "\n");
}

void LineLog::line(std::string_view kind, std::string_view text) {
  if (options_.json) return put(one_line({{"time", time_now()}, {"kind", kind}, {"message", text}}));
  put(fmt::format("{} {}: {}", time_now(), kind, shown(text)));
}

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
  put(fmt::format("{} request: {} {} {} {} {} bytes {:.1f} ms{}", time_now(), a.request.client, shown(a.request.method),
                  shown(a.request.path), a.status, a.bytes, a.seconds * 1000, a.left ? ", the client left" : ""));
}

}  // namespace newbie
