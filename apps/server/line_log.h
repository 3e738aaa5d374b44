// The server's log: a line for each thing that happens and for each request, on one stream, from any thread. No prompt
// and no key is in it; what clients chose (paths, names) has its control characters shown. A thread of its own writes
// it, because what reads it may stop reading: then lines without room are counted and told, and the server goes on.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/log.h"
#include "http/server.h"

namespace newbie {

struct LogOptions {
  bool json = false;                               // an object a line
  bool verbose = false;                            // information, too
  bool requests = true;                            // a line a request
  std::function<void(std::string_view line)> put;  // with its line end; on the log's thread, and may block
  size_t most_waiting = 4096;                      // lines
};

class LineLog : public Log {
 public:
  explicit LineLog(LogOptions options);
  ~LineLog() override;  // lines that a second does not suffice for stay unwritten

  void write(LogLevel level, std::string_view text) override;
  void say(std::string_view text);  // whatever the level
  void request(const Answered& answered, std::string_view owner);

 private:
  std::string worded(std::string_view kind, std::string_view text) const;
  void line(std::string_view kind, std::string_view text);
  void put(std::string text);

  struct Lines;
  static void write_all(const std::shared_ptr<Lines>& lines);

  const LogOptions options_;
  const std::shared_ptr<Lines> lines_;  // the thread's, too, which may outlive the log while `put` blocks
  std::thread writer_;
};

}  // namespace newbie
