// Words that other programs take, numbers out of range, files that are not what they should be: what is said of them.
#include <gmock/gmock.h>

#include <fstream>

#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// What `newbie generate -p a WORDS` is refused with.
std::string refused(std::vector<std::string> words) {
  words.insert(words.begin(), {"generate", "-p", "a", "-o", "/nowhere/x.png"});
  const Outcome o = run(words);
  EXPECT_EQ(o.exit_code, 2) << testing::PrintToString(words) << o.err;
  return o.err;
}

TEST(Messages, RangesAreTheTrueOnes) {
  EXPECT_THAT(refused({"-W", "-128"}), HasSubstr("--width: expected a whole number, 16 to 16384"));
  EXPECT_THAT(refused({"--vae-tiling", "10"}), HasSubstr("64 to 16384 in steps of 32"));
  EXPECT_THAT(refused({"--max-jina-tokens", "0"}), HasSubstr("2 to 8194"));
  EXPECT_THAT(refused({"-b", "99999999999"}), AllOf(HasSubstr("--batch-count"), HasSubstr("1 to 4096")));
  EXPECT_THAT(refused({"--strength", "1.5"}), HasSubstr("--strength: expected a number, above 0 to 1, got 1.5"));
  EXPECT_THAT(refused({"--sampling-method", "euler", "--steps", "1"}),
              AllOf(HasSubstr("--steps: expected 2 to 10000 with schedule official, got 1")));
  EXPECT_THAT(refused({"--memory", "6"}), AllOf(HasSubstr("6 bytes"), HasSubstr("6GiB")));
  EXPECT_THAT(refused({"--from", "-"}), HasSubstr("not read from standard input"));
}

TEST(Messages, NamesOfOtherProgramsAreAnsweredWithOurs) {
  const std::pair<const char*, const char*> cases[] = {
      {"--cfg", "here it is --cfg-scale"},      {"--guidance-scale", "here it is --cfg-scale"},
      {"--guidance_scale=7", "--cfg-scale"},    {"--num_inference_steps", "here it is --steps"},
      {"--stesp", "did you mean --steps?"},     {"--heigth", "did you mean --height?"},
      {"--sampler", "--sampling-method"},       {"--device", "expected auto, cpu, vulkan"},
      {"--clip-skip", "no flag --clip-skip: "}, {"--denoising-strength", "here it is --strength"},
      {"--fp16", "here it is --dtype"},         {"--cuda", "here it is --device"},
  };
  for (const auto& [flag, answer] : cases) EXPECT_THAT(refused({flag, "1"}), HasSubstr(answer));
  EXPECT_THAT(refused({"--sampling-method", "Euler a"}), HasSubstr("here it is euler_a"));
  EXPECT_THAT(refused({"--sampling-method", "k_euler"}), HasSubstr("here it is euler"));
  EXPECT_THAT(refused({"--dtype", "float8"}), HasSubstr("auto, f32, bf16, f16, int8"));
  // Values that one of our flags of the same name does not take.
  EXPECT_THAT(refused({"--quality", "50"}),
              AllOf(HasSubstr("--quality: unknown value '50'"), HasSubstr("--file-quality")));
  EXPECT_THAT(refused({"--quality", "best"}), testing::Not(HasSubstr("--file-quality")));
  EXPECT_THAT(refused({"--scheduler", "euler"}), HasSubstr("a sampler is --sampling-method"));
  EXPECT_THAT(refused({"--sampling-method", "simple"}), HasSubstr("a schedule is --scheduler"));
  EXPECT_THAT(refused({"--strength", "80"}), HasSubstr("0.5 is half"));
}

TEST(Messages, NamesOfDtypesAndSizesAsPeopleWriteThem) {
  for (const char* name : {"float16", "fp16", "half", "bfloat16", "float32", "fp32", "f16"}) {
    const Outcome o = run({"plan", "-W", "16", "-H", "16", "--dtype", name, "--memory", "6gb", "--memory", "4 gib"});
    EXPECT_EQ(o.exit_code, 0) << name << o.err;
    EXPECT_THAT(o.out, HasSubstr("4096 MiB")) << "of a flag given twice the last one counts";
  }
}

TEST(Messages, HelpAndVersionAsPeopleAskForThem) {
  const std::string help = run({"--help"}).out, generate = run({"generate", "--help"}).out;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{}, {"help"}, {"-h"}}) {
    const Outcome o = run(words);
    EXPECT_EQ(o.exit_code, 0);
    EXPECT_EQ(o.out, help);
  }
  EXPECT_EQ(run({"help", "generate"}).out, generate);
  EXPECT_EQ(run({"version"}).out, run({"--version"}).out);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"nosuchcommand", "--help"}, {"help", "nosuchcommand"}, {"prompt", "lnt", "--help"}}) {
    const Outcome o = run(words);
    EXPECT_EQ(o.exit_code, 2);
    EXPECT_THAT(o.err, HasSubstr("no command"));
    EXPECT_EQ(o.out, "");
  }
  const Outcome flags_first = run({"-p", "1girl"});
  EXPECT_EQ(flags_first.exit_code, 2);
  EXPECT_THAT(flags_first.err, HasSubstr("newbie generate -p"));
}

TEST(Messages, PromptFilesOfOtherSystems) {
  const TemporaryFolder folder;
  const std::string words = "1girl,\nblue hair";
  std::ofstream(folder / "plain.txt") << words << '\n';
  std::ofstream(folder / "marked.txt") << "\xEF\xBB\xBF" << words << '\n';
  std::ofstream(folder / "windows.txt") << "1girl,\r\nblue hair\r\n";
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"tokens", "--json"}, {"format"}, {"from-tags"}}) {
    std::map<std::string, std::string> told;
    for (const char* file : {"plain.txt", "marked.txt", "windows.txt"}) {
      std::vector<std::string> arguments{"prompt", command[0], file};
      arguments.insert(arguments.end(), command.begin() + 1, command.end());
      const Outcome o = run({.arguments = arguments, .folder = folder.path()});
      EXPECT_EQ(o.exit_code, 0) << o.err;
      told[file] = o.out;
    }
    EXPECT_NE(told["plain.txt"], "");
    EXPECT_EQ(told["marked.txt"], told["plain.txt"]) << command[0];
    EXPECT_EQ(told["windows.txt"], told["plain.txt"]) << command[0];
  }
}

// The same of words that a shell took from such a file.
TEST(Messages, PromptsOfOtherSystems) {
  const TemporaryFolder folder;
  std::map<std::string, std::string> drawn;
  for (const auto& [name, prompt] : {std::pair<std::string, std::string>("plain", "1girl,\nblue hair"),
                                     {"marked",
                                      "\xEF\xBB\xBF"
                                      "1girl,\r\nblue hair"}}) {
    const Outcome o =
        run({.arguments = {"generate", "-q", "-p", prompt, "-W", "32", "-H", "32", "--steps", "2", "-o", name + ".png"},
             .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    drawn[name] = file_bytes(folder / (name + ".png"));
  }
  EXPECT_EQ(drawn["marked"], drawn["plain"]);
}

TEST(Messages, ListsOfPlainPrompts) {
  const TemporaryFolder folder;
  std::ofstream(folder / "l.txt") << "\xEF\xBB\xBF"
                                  << "1girl, smile\r\n\r\n{\"prompt\": \"1boy\", \"cfg-trunc\": 0.5}\r\n";
  const Outcome o =
      run({.arguments = {"generate", "--prompts", "l.txt", "-W", "16", "-H", "16", "--steps", "1", "--json"},
           .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("000.png", "001.png", "l.txt"));
  EXPECT_THAT(run({.arguments = {"metadata", "000.png"}, .folder = folder.path()}).out, HasSubstr("1girl, smile\n"));
  EXPECT_THAT(run({.arguments = {"metadata", "001.png"}, .folder = folder.path()}).out,
              testing::ContainsRegex("cfg-trunc +0.5"));

  const std::pair<const char*, const char*> cases[] = {
      {"--prompt \"1girl\" --steps 3", "not flags"},
      {"{\"prompt\": \"a\", \"stesp\": 3}", "did you mean \"steps\"?"},
      {"{\"prompt\": \"a\", \"init_image\": \"a.png\"}", "not in a list"},
      {"{\"prompt\": \"a\", \"steps\": 0}", "steps: expected a whole number, 1 to 10000"},
  };
  for (const auto& [line, says] : cases) {
    std::ofstream(folder / "bad.txt") << "1girl\n" << line << '\n';
    const Outcome bad = run({.arguments = {"generate", "--prompts", "bad.txt"}, .folder = folder.path()});
    EXPECT_EQ(bad.exit_code, 2) << line;
    EXPECT_THAT(bad.err, HasSubstr("bad.txt:2: ")) << line;
    EXPECT_THAT(bad.err, HasSubstr(says)) << line;
  }
}

}  // namespace
}  // namespace newbie::e2e
