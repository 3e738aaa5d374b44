// The server's log: a line for each thing that happens and for each request, on one stream, from any thread. No prompt
// and no key is in it; what clients chose (paths, names) has its control characters shown.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "core/log.h"
#include "http/server.h"

namespace newbie {

struct LogOptions {
  bool json = false;                               // an object a line
  bool verbose = false;                            // information, too
  bool requests = true;                            // a line a request
  std::function<void(std::string_view line)> put;  // with its line end
};

class LineLog : public Log {
 public:
  explicit LineLog(LogOptions options) : options_(std::move(options)) {}

  void write(LogLevel level, std::string_view text) override;
  void say(std::string_view text);  // whatever the level
  void request(const Answered& answered, std::string_view owner);

 private:
  void line(std::string_view kind, std::string_view text);
  void put(const std::string& text);

  LogOptions options_;
  std::mutex mutex_;
};

}  // namespace newbie
