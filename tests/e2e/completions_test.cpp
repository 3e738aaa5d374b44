// Completions, in the shells they are for, and the manual page.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

std::string printed(std::vector<std::string> words) {
  const Outcome o = run(std::move(words));
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.err, "");
  return o.out;
}

bool is_there(const std::string& program) {
  return run(Invocation{.arguments = {"-c", "command -v " + program}, .program = "sh"}).exit_code == 0;
}

// What bash offers for the last of `words`, in a folder with a few files.
class Bash : public testing::Test {
 protected:
  Bash() {
    std::ofstream(folder_ / "script") << printed({"completions", "bash"});
    std::ofstream(folder_ / "a file.png");
    std::filesystem::create_directory(folder_ / "a folder");
  }

  std::vector<std::string> offers(const std::vector<std::string>& words) const {
    Invocation call{.arguments = {"--norc", "-c",
                                  "set -u; source ./script; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _newbie; "
                                  "printf '%s\\n' ${COMPREPLY[@]+\"${COMPREPLY[@]}\"}",
                                  "bash"},
                    .program = "bash",
                    .folder = folder_.path()};
    call.arguments.insert(call.arguments.end(), words.begin(), words.end());
    const Outcome o = run(call);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(o.err, "");
    std::vector<std::string> out;
    std::istringstream lines(o.out);
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) out.push_back(line);
    return out;
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Bash, OffersCommands) {
  EXPECT_THAT(offers({"newbie", ""}),
              IsSupersetOf({"generate", "plan", "prompt", "samplers", "models", "completions"}));
  EXPECT_THAT(offers({"newbie", "gen"}), ElementsAre("generate"));
  EXPECT_THAT(offers({"newbie", "prompt", ""}), ElementsAre("lint", "format", "tokens", "from-tags", "schema"));
  EXPECT_THAT(offers({"newbie", "--ver"}), ElementsAre("--version"));
}

TEST_F(Bash, OffersFlagsOfTheCommandAlone) {
  EXPECT_THAT(offers({"newbie", "generate", "--samp"}), ElementsAre("--sampling-method"));
  EXPECT_THAT(offers({"newbie", "generate", "-p", "plan", "--cfg-s"}), ElementsAre("--cfg-scale"));
  EXPECT_THAT(offers({"newbie", "inspect", "--samp"}), IsEmpty());
  EXPECT_THAT(offers({"newbie", "dev", "features", "--part"}), ElementsAre("--part"));
}

TEST_F(Bash, OffersTheWordsThatAFlagTakes) {
  std::vector<std::string> names;
  for (const Sampler* s : samplers()) names.emplace_back(s->name);
  EXPECT_EQ(offers({"newbie", "generate", "--sampling-method", ""}), names);
  EXPECT_EQ(offers({"newbie", "generate", "--sampling-method", "=", ""}), names);
  EXPECT_EQ(offers({"newbie", "generate", "--sampling-method", "="}), names);
  names.clear();
  for (const Schedule& s : schedules()) names.emplace_back(s.name);
  EXPECT_EQ(offers({"newbie", "plan", "--scheduler", ""}), names);
  EXPECT_THAT(offers({"newbie", "generate", "--dtype", "="}), ElementsAre("auto", "f32", "bf16", "f16", "int8"));
  EXPECT_THAT(offers({"newbie", "generate", "--dtype", "b"}), ElementsAre("bf16"));
  EXPECT_THAT(offers({"newbie", "generate", "--profile", "off"}), ElementsAre("official-demo"));
  EXPECT_THAT(offers({"newbie", "generate", "--system-prompt", "demo-u"}), ElementsAre("demo-user"));
  EXPECT_THAT(offers({"newbie", "completions", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(offers({"newbie", "generate", "-p", ""}), IsEmpty());
}

TEST_F(Bash, OffersFilesAndFoldersWhereAFlagTakesThem) {
  EXPECT_THAT(offers({"newbie", "generate", "-i", "a"}), UnorderedElementsAre("a file.png", "a folder"));
  EXPECT_THAT(offers({"newbie", "generate", "-m", "a"}), ElementsAre("a folder"));
  EXPECT_THAT(offers({"newbie", "metadata", "a f"}), Contains("a file.png"));
  EXPECT_THAT(offers({"newbie", "generate", "a"}), IsEmpty());
}

TEST(Completions, OfZshAreGoodSyntax) {
  const std::string script = printed({"completions", "zsh"});
  EXPECT_THAT(script, testing::StartsWith("#compdef newbie\n"));
  if (!is_there("zsh")) GTEST_SKIP() << "no zsh here";
  const TemporaryFolder folder;
  std::ofstream(folder / "_newbie") << script;
  const Outcome o = run(Invocation{.arguments = {"-n", (folder / "_newbie").string()}, .program = "zsh"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.err, "");
}

TEST(Completions, OfFishAreGoodSyntaxAndCompleteInFish) {
  const std::string script = printed({"completions", "fish"});
  EXPECT_THAT(script, HasSubstr("complete -c newbie"));
  if (!is_there("fish")) GTEST_SKIP() << "no fish here";
  const TemporaryFolder folder;
  std::ofstream(folder / "newbie.fish") << script;
  const Outcome o = run(Invocation{
      .arguments = {"-c", "source newbie.fish; complete -C 'newbie generate --dtype '; complete -C 'newbie sampl'"},
      .program = "fish",
      .environment = {{"HOME", folder.path().string()}},
      .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.err, "");
  for (const char* word : {"auto", "f32", "bf16", "samplers"}) EXPECT_THAT(o.out, HasSubstr(word));
}

TEST(Completions, AnotherShellIsAUsageError) {
  const Outcome o = run({"completions", "tcsh"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("bash|zsh|fish"));
}

TEST(ManPage, HasEveryCommandAndFlagOfTheHelp) {
  const std::string page = printed({"man"});
  for (const char* command : {"generate", "plan", "prompt lint", "prompt from\\-tags", "samplers", "dev features"})
    EXPECT_THAT(page, HasSubstr(std::string("\n.SS newbie ") + command + "\n"));
  for (const char* flag : {"\\fB\\-\\-sampling\\-method\\fR", "\\fB\\-p\\fR, \\fB\\-\\-prompt\\fR", "official\\-demo"})
    EXPECT_THAT(page, HasSubstr(flag));
  EXPECT_THAT(page, HasSubstr("Exit codes:"));
}

TEST(ManPage, GroffHasNothingToSayAboutIt) {
  if (!is_there("groff")) GTEST_SKIP() << "no groff here";
  const Outcome o = run(Invocation{.arguments = {"-K", "utf8", "-man", "-ww", "-Tutf8", "-z"},
                                   .program = "groff",
                                   .standard_input = printed({"man"})});
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_EQ(o.err, "");
}

TEST(ManPage, MandocHasNoErrors) {
  if (!is_there("mandoc")) GTEST_SKIP() << "no mandoc here";
  const Outcome o = run(
      Invocation{.arguments = {"-T", "lint", "-W", "error"}, .program = "mandoc", .standard_input = printed({"man"})});
  EXPECT_EQ(o.exit_code, 0) << o.out;
}

}  // namespace
}  // namespace newbie::e2e
