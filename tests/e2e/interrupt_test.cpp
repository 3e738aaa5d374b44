// Ctrl-C and SIGTERM.
#include <gmock/gmock.h>
#include <signal.h>

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
                                "flow_euler"},
                  .folder = folder.path()};
  std::optional<Clock::time_point> sent;
  call.meanwhile = [&](pid_t process, const std::string& err) {
    if (sent || err.find(after) == std::string::npos) return;
    sent = Clock::now();
    ::kill(process, signal);
  };
  const Outcome o = run(call);
  ASSERT_TRUE(sent) << o.err;
  EXPECT_EQ(o.exit_code, 130) << o.err;
  EXPECT_LT(Clock::now() - *sent, std::chrono::seconds(10)) << "2000 steps take longer";
  EXPECT_THAT(o.err, testing::HasSubstr("newbie: cancelled: "));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

TEST(Interrupt, CtrlCWhileDenoising) { expect_stopped_by(SIGINT, "denoise 1/2000"); }
TEST(Interrupt, CtrlCBeforeTheFirstStep) { expect_stopped_by(SIGINT, "gemma"); }
TEST(Interrupt, Terminated) { expect_stopped_by(SIGTERM, "denoise 1/2000"); }

}  // namespace
}  // namespace newbie::e2e
