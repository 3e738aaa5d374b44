#include "exit_code.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <new>

#include "core/json.h"
#include "core/machine.h"
#include "core/printable.h"
#include "field_words.h"
#include "interrupt.h"
#include "standard_streams.h"

namespace newbie {

namespace {

struct ExitCode {
  ErrorKind kind;
  int code;
  const char* meaning;
};

constexpr ExitCode kRows[] = {
    {ErrorKind::InvalidRequest, 2, "wrong usage, or a request that cannot be drawn"},
    {ErrorKind::BadFile, 3, "a file is missing, damaged or cannot be written"},
    {ErrorKind::Unsupported, 4, "well-formed, but not supported"},
    {ErrorKind::OverBudget, 5, "more memory than allowed or available"},
    {ErrorKind::Internal, 70, "a mistake in newbie: please report it"},
    {ErrorKind::Cancelled, 128 + SIGINT,
     "stopped by Ctrl-C; by another signal 128 and its number: 143 by SIGTERM, 129 by a\n       terminal that was "
     "closed, 138 and 140 by SIGUSR1 and SIGUSR2, 152 by SIGXCPU"},
};

}  // namespace

std::string in_message(std::string_view words) {
  constexpr size_t kLongest = 2000;  // names and values out of files may be as long as these
  return in_one_line(words, kLongest);
}

int exit_code(ErrorKind kind) {
  if (kind == ErrorKind::Cancelled && stop_signal() != 0) return 128 + stop_signal();
  for (const ExitCode& row : kRows)
    if (row.kind == kind) return row.code;
  return 70;
}

std::string exit_code_help() {
  std::string out = fmt::format(
      "Exit codes:\n    0  done\n    {}  newbie prompt lint or merge-reports has found something\n", kFoundProblems);
  for (const ExitCode& row : kRows) out += fmt::format("  {:>3}  {}\n", row.code, row.meaning);
  return out;
}

OrderedJson error_json(const Error& error) {
  std::string kind(to_string(error.kind()));
  std::replace(kind.begin(), kind.end(), ' ', '_');
  OrderedJson out;
  out["error"] = {{"kind", kind},
                  {"message", in_message(message_in_flags(error))},
                  {"hint", in_message(in_flags(error.hint()))},
                  {"exit_code", exit_code(error.kind())}};
  return out;
}

int report(const Error& error, bool json) {
  const std::string hint = in_message(in_flags(error.hint()));
  std::string text = fmt::format("newbie: {}: {}\n", to_string(error.kind()), in_message(message_in_flags(error)));
  if (!hint.empty()) text += fmt::format("  hint: {}\n", hint);
  // The terminal has echoed ^C where the cursor was: the message takes its place.
  if (stop_signal() == SIGINT && ::isatty(STDERR_FILENO) != 0) text.insert(0, "\r\x1b[K");
  std::fwrite(text.data(), 1, text.size(), stderr);
  const int code = exit_code(error.kind());
  if (!json) return code;
  try {
    print_json(error_json(error));
  } catch (const Error&) {
    // stdout is gone; stderr and the exit code have told it.
  }
  return code;
}

Error describe(const std::exception& exception) {
  if (const auto* refused = dynamic_cast<const std::filesystem::filesystem_error*>(&exception))
    return Error(ErrorKind::BadFile, fmt::format("{}: {}", refused->path1().string(), refused->code().message()));
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr)
    return Error(ErrorKind::OverBudget, "the system gave no more memory", hint_for_refused_memory(0));
  return Error(ErrorKind::Internal, exception.what(), "please report this with the command that led to it");
}

}  // namespace newbie
