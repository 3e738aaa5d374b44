#include "show/show.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "core/error.h"

namespace newbie {

namespace {

bool says(const TerminalFacts& facts, const char* name, std::initializer_list<std::string_view> values) {
  const std::optional<std::string> value = facts.variable(name);
  return value && std::find(values.begin(), values.end(), *value) != values.end();
}

// ESC [ ? 62 ; 4 ; 22 c: 4 among the numbers is sixel.
bool has_sixel(const std::string& answer) {
  const size_t begin = answer.find("\x1b[?"), end = answer.find('c', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return false;
  return fmt::format(";{};", answer.substr(begin + 3, end - begin - 3)).find(";4;") != std::string::npos;
}

struct Protocol {
  const char* name;
  PictureEncoder encode;
  bool (*is_understood)(const TerminalFacts& facts);
};

constexpr Protocol kProtocols[] = {
    {"kitty", kitty_picture,
     [](const TerminalFacts& t) {
       return t.variable("KITTY_WINDOW_ID").has_value() || says(t, "TERM", {"xterm-kitty", "xterm-ghostty"}) ||
              says(t, "TERM_PROGRAM", {"ghostty"});
     }},
    {"iterm2", iterm2_picture,
     [](const TerminalFacts& t) {
       return says(t, "TERM_PROGRAM", {"iTerm.app", "WezTerm"});
     }},
    {"sixel", sixel_picture, [](const TerminalFacts& t) { return has_sixel(t.attributes()); }},
};

// Asks the terminal what it is. Echo and line editing are off meanwhile, and set back in every case.
std::string ask_attributes() {
  termios before{};
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before) != 0) return "";
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return "";
  std::string answer;
  if (::write(STDOUT_FILENO, "\x1b[c", 3) == 3) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    while (answer.find('c') == std::string::npos && answer.size() < 256) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || ::poll(&input, 1, static_cast<int>(left.count())) <= 0) break;
      char part[64];
      const ssize_t got = ::read(STDIN_FILENO, part, sizeof part);
      if (got <= 0) break;
      answer.append(part, static_cast<size_t>(got));
    }
  }
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  return answer;
}

}  // namespace

std::string show_protocols() {
  std::string out;
  for (const Protocol& protocol : kProtocols) out.append(out.empty() ? "" : ", ").append(protocol.name);
  return out;
}

PictureEncoder choose_protocol(const std::string& name, const TerminalFacts& facts) {
  for (const Protocol& protocol : kProtocols)
    if (name == protocol.name) return protocol.encode;
  if (name != kShowAuto)
    fail_with_hint(ErrorKind::InvalidRequest, "possible: " + show_protocols(), "--show: unknown protocol '{}'", name);
  if (!facts.is_terminal)
    fail_with_hint(ErrorKind::Unsupported, "to write the terminal's sequences anyway: --show=kitty|iterm2|sixel",
                   "--show: standard output is not a terminal");
  for (const Protocol& protocol : kProtocols)
    if (protocol.is_understood(facts)) return protocol.encode;
  fail_with_hint(ErrorKind::Unsupported, "if it does all the same: --show=kitty|iterm2|sixel",
                 "--show: this terminal does not say that it understands any of {}", show_protocols());
}

TerminalFacts this_terminal() {
  return {.is_terminal = ::isatty(STDOUT_FILENO) != 0,
          .variable = [](const char* name) -> std::optional<std::string> {
            const char* value = std::getenv(name);
            return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
          },
          .attributes = ask_attributes};
}

}  // namespace newbie
