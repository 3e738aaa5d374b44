// The one error type of the project. Thrown while opening, parsing and planning; turned into an exit
// code or an HTTP status in apps/. Nothing in src/ exits or aborts.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>

namespace newbie {

enum class ErrorKind {
  InvalidRequest,  // the caller asked for something impossible: size, steps, an unknown name
  BadFile,         // a file is missing, damaged, or not what it should be
  Unsupported,     // well-formed, but this build or machine cannot do it
  OverBudget,      // more memory, disk or time than was allowed
  Cancelled,       // the caller asked to stop
  Internal,        // a broken promise of our own: please report
};

std::string_view to_string(ErrorKind kind);

// `message` says where, what was expected and what came; `hint` says what to try (may be empty). Names of fields and of
// options that people give stand in both as `steps`, in backquotes: an app shows them as its users write them.
class Error : public std::exception {
 public:
  // With a field, the one field of a request that is to blame, the message is "field: message".
  Error(ErrorKind kind, std::string message, std::string hint = {}, std::string field = {});

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const std::string& field() const { return field_; }  // "steps"; empty: no single one
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorKind kind_;
  std::string message_;
  std::string hint_;
  std::string field_;
};

// Throws Error with a formatted message:  fail(ErrorKind::BadFile, "{}: expected {} bytes, got {}", path, a, b);
template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// The same with a hint for the reader.
template <typename... Args>
[[noreturn]] void fail_with_hint(ErrorKind kind, std::string hint, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...), std::move(hint));
}

// The same about one field of a request: the message opens with its name.
template <typename... Args>
[[noreturn]] void fail_field(std::string_view field, std::string hint, fmt::format_string<Args...> format,
                             Args&&... args) {
  throw Error(ErrorKind::InvalidRequest, fmt::format(format, std::forward<Args>(args)...), std::move(hint),
              std::string(field));
}

}  // namespace newbie
