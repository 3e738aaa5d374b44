// Help, version and words that do not parse.
#include <gmock/gmock.h>
#include <unistd.h>

#include "e2e/run_program.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

TEST(Help, ListsCommandsAndExitCodes) {
  const Outcome o = run({"--help"});
  EXPECT_EQ(o.exit_code, 0);
  for (const char* word : {"generate", "plan", "dev", "Examples:", "Exit codes:", "130"})
    EXPECT_THAT(o.out, HasSubstr(word));
}

TEST(Help, OfACommandListsNamesFromTheRegistries) {
  const Outcome o = run({"generate", "--help"});
  EXPECT_EQ(o.exit_code, 0);
  for (const char* word : {"Usage: newbie generate", "res_multistep", "linear_quadratic", "official-demo", "demo-user",
                           "grid points", "--cfg-trunc", "--batch-noise"})
    EXPECT_THAT(o.out, HasSubstr(word));
}

TEST(Help, Version) {
  const Outcome o = run({"--version"});
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.out, testing::MatchesRegex("newbie [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Help, WordsThatDoNotParseAreUsageErrors) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"paint"}, {"generate", "--no-such-flag"}, {"generate", "-p", "a", "stray"}, {"dev"}}) {
    const Outcome o = run(words);
    EXPECT_EQ(o.exit_code, 2);
    EXPECT_THAT(o.err, testing::StartsWith("newbie: invalid request: "));
    EXPECT_EQ(o.out, "");
  }
}

TEST(Help, AClosedStandardOutputIsNoCrash) {
  Invocation call{.arguments = {"--help"}};
  call.before_exec = [] { ::close(1); };
  EXPECT_EQ(run(call).exit_code, 3);  // nobody reads what was asked for
}

}  // namespace
}  // namespace newbie::e2e
