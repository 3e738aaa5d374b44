// JobLog: what is told of a job before anybody draws it is kept for whoever does.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log.h"

namespace newbie {

// One thread at a time: that which prepares the job, then that which draws it.
class JobLog : public Log {
 public:
  void write(LogLevel level, std::string_view text) override {
    if (to_ != nullptr) return to_->write(level, text);
    kept_.emplace_back(level, text);
  }
  // What was kept goes to `log`, and so does all that is told until close().
  void open(Log& log) {
    to_ = &log;
    for (const auto& [level, text] : std::exchange(kept_, {})) log.write(level, text);
  }
  void close() { to_ = nullptr; }

 private:
  Log* to_ = nullptr;
  std::vector<std::pair<LogLevel, std::string>> kept_;
};

}  // namespace newbie
