// Ctrl-C, SIGTERM, a closed terminal, other signals that ask to stop, and a limit for the size of files.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <optional>

#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using Clock = std::chrono::steady_clock;

void expect_stopped_by(int signal, const std::string& after) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"generate", "-p", "a girl", "-W", "256", "-H", "256", "--steps", "2000", "--scheduler",
                                "flow_euler", "-v", "--preview", "p.png", "--preview-every", "1"},
                  .folder = folder.path()};
  std::optional<Clock::time_point> sent;
  call.meanwhile = [&](pid_t process, const std::string& err) {
    if (sent || err.find(after) == std::string::npos) return;
    sent = Clock::now();
    ::kill(process, signal);
  };
  const Outcome o = run(call);
  ASSERT_TRUE(sent) << o.err;
  EXPECT_EQ(o.exit_code, 128 + signal) << o.err;
  EXPECT_LT(Clock::now() - *sent, std::chrono::seconds(10)) << "2000 steps take longer";
  EXPECT_THAT(o.err, testing::HasSubstr("newbie: cancelled: "));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

TEST(Interrupt, CtrlCWhileDenoising) { expect_stopped_by(SIGINT, "denoise 1/2000"); }
TEST(Interrupt, CtrlCBeforeTheFirstStep) { expect_stopped_by(SIGINT, "gemma"); }
TEST(Interrupt, Terminated) { expect_stopped_by(SIGTERM, "denoise 1/2000"); }
TEST(Interrupt, TheTerminalIsClosed) { expect_stopped_by(SIGHUP, "denoise 1/2000"); }

TEST(Interrupt, WhatSchedulersAndTimersSend) {
  for (const int signal : {SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU}) expect_stopped_by(signal, "denoise 1/2000");
}

// The system sends SIGXCPU again with every second of work: not even that ends the program before it has cleaned up.
TEST(Interrupt, TheLimitOfWorkIsReached) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"generate", "-p", "a girl", "-W", "256", "-H", "256", "--steps", "2000", "--preview",
                                "p.png", "--preview-every", "1"},
                  .folder = folder.path()};
  call.before_exec = [] {
    const rlimit limit{2, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CPU, &limit);
  };
  const Outcome o = run(call);
  EXPECT_EQ(o.exit_code, 128 + SIGXCPU) << o.signal << o.err;
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

TEST(Interrupt, AFileSizeLimitLeavesNothing) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"generate", "-q", "-p", "a", "--steps", "1", "-o", "f.png"}, .folder = folder.path()};
  call.before_exec = [] {
    const rlimit limit{1024, 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);  // its signal would end the program
  };
  const Outcome o = run(call);
  EXPECT_EQ(o.exit_code, 3) << o.signal << o.err;
  EXPECT_THAT(o.err, testing::HasSubstr("f.png"));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

}  // namespace
}  // namespace newbie::e2e
