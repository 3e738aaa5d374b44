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

TEST(Help, SaysWhatIsNeededAndWhatIsTaken) {
  EXPECT_THAT(run({"convert", "--help"}).out, HasSubstr("--to folder|comfyui|gguf (required)"));
  EXPECT_THAT(run({"generate", "--help"}).out,
              testing::AllOf(HasSubstr("0 to 1 (default: always)"), HasSubstr("0 to 18446744073709551615 (default: 0)"),
                             Not(HasSubstr("1000000 to"))));
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"metadata"}, {"evaluate"}, {"evaluate", "fid"}, {"evaluate", "psnr"}, {"evaluate", "clip-score"}}) {
    std::vector<std::string> all = words;
    all.push_back("--help");
    EXPECT_THAT(run(all).out, testing::AllOf(HasSubstr("Example"), HasSubstr("newbie " + words[0] + " ")))
        << testing::PrintToString(words);
  }
}

// A limit is that of the schedule.
TEST(Help, TooManyStepsForASchedule) {
  const Outcome o = run({"plan", "-p", "1girl", "--steps", "1001"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("--steps: expected 1 to 1000 with schedule simple, got 1001"));
  EXPECT_EQ(run({"plan", "-p", "1girl", "--steps", "1001", "--scheduler", "flow_euler"}).exit_code, 0);
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
