#include "standard_streams.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/error.h"
#include "core/printable.h"

namespace newbie {

namespace {

// 0, or the errno of the call that failed.
int write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written == 0 ? EIO : errno;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return 0;
}

[[noreturn]] void fail_to_write(int code) {
  fail(ErrorKind::BadFile, "standard output: cannot write: {}", std::generic_category().message(code));
}

}  // namespace

void settle_standard_streams() {
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // What is written to a closed standard output is lost, and that has to fail.
    const int how = descriptor == STDOUT_FILENO ? O_RDONLY : O_RDWR;
    // open() takes the lowest free descriptor: this one, as those below are open by now.
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", how) < 0) return;
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

std::string read_standard_input(size_t limit) {
  std::string text;
  char part[16384];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorKind::BadFile, "standard input: cannot read: {}", std::generic_category().message(errno));
    if (got == 0) return text;
    text.append(part, static_cast<size_t>(got));
    if (text.size() > limit) fail(ErrorKind::InvalidRequest, "standard input: more than {} bytes", limit);
  }
}

void write_standard_output(std::span<const std::byte> bytes) {
  if (const int code = write_all(STDOUT_FILENO, bytes); code != 0) fail_to_write(code);
}

void print(std::string_view text) { print_for_terminal(printable(text)); }

void print_data(std::string_view text) { ::isatty(STDOUT_FILENO) != 0 ? print(text) : print_for_terminal(text); }

void print_for_terminal(std::string_view text) {
  const int code = write_all(STDOUT_FILENO, std::as_bytes(std::span(text)));
  if (code != 0 && code != EPIPE) fail_to_write(code);
}

void print_json(const OrderedJson& json) {
  print_for_terminal(printable_json(json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)) + '\n');
}

}  // namespace newbie
