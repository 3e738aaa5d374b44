// --show: pictures in the terminal, with a terminal made for the test.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

std::vector<std::string> words(std::vector<std::string> more) {
  std::vector<std::string> out{"generate", "-p", "a", "-W", "32", "-H", "32", "--steps", "4", "-q"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

size_t count(const std::string& text, const std::string& what) {
  size_t times = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++times;
  return times;
}

TEST(Show, AGivenProtocolNeedsNoTerminal) {
  const TemporaryFolder folder;
  for (const auto& [protocol, opening] :
       {std::pair{"kitty", "\x1b_Ga=T,f=100"}, {"iterm2", "\x1b]1337;File="}, {"sixel", "\x1bP0;1q"}}) {
    Outcome o = run({.arguments = words({std::string("--show=") + protocol}), .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(count(o.out, opening), 1u);
    o = run({.arguments = words({"--show", protocol, "-b", "2", "--preview", "--preview-every", "1"}),
             .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(count(o.out, opening), 2u * (3 + 1));
  }
}

TEST(Show, WithoutATerminalItIsAnErrorBeforeAnythingIsDrawn) {
  const TemporaryFolder folder;
  Outcome o = run({.arguments = words({"--show"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 4);
  EXPECT_THAT(o.err, HasSubstr("standard output is not a terminal"));
  o = run({.arguments = words({"--show=printer"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("kitty, iterm2, sixel"));
  o = run({.arguments = words({"--show=kitty", "--json"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 2);
  o = run({.arguments = words({"--show=kitty", "-o", "-"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

// A terminal whose far end is ours.
class PseudoTerminal {
 public:
  PseudoTerminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) return;
    const char* name = ::ptsname(master_);
    slave_ = name == nullptr ? -1 : ::open(name, O_RDWR | O_NOCTTY);
  }
  ~PseudoTerminal() {
    ::close(slave_);
    ::close(master_);
  }
  bool works() const { return slave_ >= 0; }
  int slave() const { return slave_; }
  // What the program has written since the last call.
  std::string read() {
    std::string out;
    char part[4096];
    for (ssize_t got; (got = ::read(master_, part, sizeof part)) > 0;) out.append(part, static_cast<size_t>(got));
    return out;
  }
  void answer(const std::string& text) {
    EXPECT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  bool echoes() const {
    termios state{};
    return ::tcgetattr(slave_, &state) == 0 && (state.c_lflag & ECHO) != 0 && (state.c_lflag & ICANON) != 0;
  }

 private:
  int master_, slave_ = -1;
};

TEST(Show, ATerminalIsAskedWhetherItKnowsSixel) {
  for (const auto& [answer, exit_code] : {std::pair{"\x1b[?62;4;22c", 0}, {"\x1b[?62;22c", 4}, {"", 4}}) {
    PseudoTerminal terminal;
    if (!terminal.works()) GTEST_SKIP() << "no pseudo-terminals here";
    const TemporaryFolder folder;
    std::string seen;
    bool answered = false;
    Invocation call{.arguments = words({"--show"}), .folder = folder.path()};
    call.before_exec = [&] {
      for (const char* name : {"KITTY_WINDOW_ID", "TERM_PROGRAM"}) ::unsetenv(name);
      ::setenv("TERM", "xterm", 1);
      ::dup2(terminal.slave(), STDIN_FILENO);
      ::dup2(terminal.slave(), STDOUT_FILENO);
    };
    call.meanwhile = [&](pid_t, const std::string&) {
      seen += terminal.read();
      if (answered || seen.find("\x1b[c") == std::string::npos) return;
      terminal.answer(answer);
      answered = true;
    };
    const Outcome o = run(call);
    seen += terminal.read();
    EXPECT_TRUE(answered);
    EXPECT_EQ(o.exit_code, exit_code) << o.err;
    EXPECT_EQ(count(seen, "\x1bP0;1q"), exit_code == 0 ? 1u : 0u);
    EXPECT_TRUE(terminal.echoes());
  }
}

}  // namespace
}  // namespace newbie::e2e
