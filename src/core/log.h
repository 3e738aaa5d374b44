// Words for the person running the program. Rooms below apps/ never print: they tell a Log, and apps/ decides where it
// goes.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace newbie {

enum class LogLevel { Info, Warning };

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view text) = 0;

  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::Info, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::Warning, fmt::format(format, std::forward<Args>(args)...));
  }
};

// Swallows everything.
Log& silent_log();

}  // namespace newbie
