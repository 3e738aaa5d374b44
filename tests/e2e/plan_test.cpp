// newbie plan: the table, and that the run keeps to it.
#include <gmock/gmock.h>

#include <regex>

#include "core/json.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

TEST(Plan, PrintsATableOfStages) {
  const Outcome o = run({"plan", "-W", "64", "-H", "64", "--memory", "2GiB"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  for (const char* word : {"gemma", "jina", "context", "denoise", "decode", "weights", "arena", "(scratch)", "buffers",
                           "peak", "residency", "budget", "2048 MiB", "evaluations a picture", "56  (--quality draft "})
    EXPECT_THAT(o.out, HasSubstr(word));
}

TEST(Plan, IsWhatTheRunAllocates) {
  const TemporaryFolder folder;
  const std::vector<std::string> flags{"-p", "a girl", "-W", "96", "-H", "64", "--steps", "2", "-t", "2", "--json"};
  std::vector<std::string> plan_words{"plan"}, run_words{"generate"};
  plan_words.insert(plan_words.end(), flags.begin(), flags.end());
  run_words.insert(run_words.end(), flags.begin(), flags.end());
  const Outcome planned = run(plan_words), drawn = run({.arguments = run_words, .folder = folder.path()});
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  const Json plan = parse_json(planned.out, "plan"), result = parse_json(drawn.out, "generate");
  EXPECT_EQ(plan["stages"], result["plan"]["stages"]);
  EXPECT_EQ(plan["allocated_peak_bytes"], result["memory"]["measured_allocated_bytes"]);
}

TEST(Plan, TheBudgetItNamesIsEnough) {
  const TemporaryFolder folder;
  const std::vector<std::string> flags{"-p", "a girl", "-W", "192", "-H", "192", "--steps", "1", "-q"};
  const auto with = [&](const char* command, const std::string& memory) {
    std::vector<std::string> words{command, "--memory", memory};
    words.insert(words.end(), flags.begin(), flags.end());
    return run({.arguments = words, .folder = folder.path()});
  };
  const Outcome refused = with("plan", "8MiB");
  EXPECT_EQ(refused.exit_code, 5);
  std::smatch found;
  ASSERT_TRUE(std::regex_search(refused.err, found, std::regex("needs ([0-9]+) MiB"))) << refused.err;
  // The program and its libraries are part of the number, and their resident pages differ a little between runs.
  const Outcome drawn = with("generate", std::to_string(std::stoi(found[1]) + 1) + "MiB");
  EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("output.png"));
}

}  // namespace
}  // namespace newbie::e2e
