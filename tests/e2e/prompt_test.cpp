// newbie prompt, and what generate does with prompts: lists, wildcards, format.
#include <gmock/gmock.h>

#include "core/files.h"
#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kBroken = "<character_1>\n<n>aoi\n<gender>1girl</gender>\n</character_1>\n";

Outcome with_input(std::vector<std::string> arguments, std::string text) {
  return run(Invocation{.arguments = std::move(arguments), .standard_input = std::move(text)});
}

TEST(Prompt, LintTellsPlacesAndExitsWithOneOnErrorsOnly) {
  const TemporaryFolder folder;
  const std::string file = (folder / "p.xml").string();
  write_file_atomically(file, std::string_view(kBroken));
  const Outcome broken = run({"prompt", "lint", "--prompt-file", file});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.out, AllOf(StartsWith(file + ":2:1: error: <n> is not closed [unclosed]\n"), HasSubstr("1 errors"),
                                HasSubstr("character_1")));
  EXPECT_THAT(broken.err, IsEmpty());
  const Outcome warned = run({"prompt", "lint", "-p", "<character_2><n></n></character_2>"});
  EXPECT_EQ(warned.exit_code, 0);
  EXPECT_THAT(warned.out, HasSubstr("0 errors, 2 warnings"));
  EXPECT_EQ(with_input({"prompt", "lint"}, "1girl, smile").exit_code, 0);
}

TEST(Prompt, LintAsJson) {
  const Outcome o = with_input({"prompt", "lint", "--json", "--max-gemma-tokens", "20"}, kBroken);
  EXPECT_EQ(o.exit_code, 1);
  const Json json = parse_json(o.out, "stdout");
  EXPECT_EQ(json["errors"], 1);
  EXPECT_EQ(json["warnings"], 1);
  EXPECT_EQ(json["findings"][0]["code"], "unclosed");
  EXPECT_EQ(json["findings"][0]["line"], 2);
  EXPECT_EQ(json["findings"][1]["code"], "text-lost");
  EXPECT_EQ(json["tokens"]["encoders"][0]["blocks"][0]["name"], "character_1");
  const Outcome bytes = with_input({"prompt", "lint", "--json"}, "a\xFF");
  EXPECT_EQ(bytes.exit_code, 1);
  EXPECT_EQ(parse_json(bytes.out, "stdout")["findings"][0]["code"], "not-utf8");
}

TEST(Prompt, FormatIsIdempotentAndReadsStandardInput) {
  const Outcome once = with_input({"prompt", "format"}, kBroken);
  EXPECT_EQ(once.exit_code, 0);
  EXPECT_EQ(once.out, "<character_1>\n<n>aoi</n>\n<gender>1girl</gender>\n</character_1>\n");
  EXPECT_EQ(with_input({"prompt", "format", "--prompt-file", "-"}, once.out).out, once.out);
  EXPECT_EQ(run({"prompt", "format", "--escape", "-p", "<n>a&b</n>"}).out, "<n>a&amp;b</n>\n");
  EXPECT_EQ(parse_json(run({"prompt", "format", "--json", "-p", "<n> a</n>"}).out, "stdout")["prompt"], "<n>a</n>");
}

TEST(Prompt, TokensShowIdsAndTexts) {
  const Outcome o = run({"prompt", "tokens", "--json", "--system-prompt", "none", "-p", "1girl, 葵"});
  EXPECT_EQ(o.exit_code, 0);
  const Json json = parse_json(o.out, "stdout");
  std::string text;
  for (const Json& piece : json["encoders"][0]["pieces"]) text += piece["text"].get<std::string>();
  EXPECT_EQ(text, "1girl, 葵");
  EXPECT_EQ(json["encoders"][0]["pieces"][0]["source"], "special");
  EXPECT_EQ(json["encoders"][1]["encoder"], "Jina CLIP");
  EXPECT_THAT(run({"prompt", "tokens", "-p", "1girl"}).out, HasSubstr("in all, of"));
}

TEST(Prompt, FromTagsAndSchema) {
  const Outcome o = with_input({"prompt", "from-tags"}, "1girl, blue hair, never_heard_of");
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.out, AllOf(HasSubstr("<appearance>blue_hair</appearance>"),
                           HasSubstr("<extra_tags>never_heard_of</extra_tags>")));
  EXPECT_EQ(with_input({"prompt", "lint"}, o.out).exit_code, 0);
  EXPECT_TRUE(parse_json(run({"prompt", "schema"}).out, "stdout").contains("patternProperties"));
}

TEST(Prompt, Mistakes) {
  EXPECT_EQ(run({"prompt"}).exit_code, 2);
  EXPECT_EQ(run({"prompt", "format", "-p", "\xFF"}).exit_code, 2);
  EXPECT_EQ(run({"prompt", "from-tags", "-p", "<n>x</n>"}).exit_code, 2);
  EXPECT_EQ(run({"prompt", "tokens", "-p", "x", "-m", "/nowhere"}).exit_code, 3);
  EXPECT_EQ(run({"prompt", "lint", "--prompt-file", "/nowhere"}).exit_code, 3);
}

std::string prompt_of(const std::filesystem::path& path) {
  return parse_json(text_of(picture(path), "newbie"), "metadata")["prompt"].get<std::string>();
}

const std::vector<std::string> kSmall{"-W", "32", "-H", "32", "--steps", "2"};

Outcome generate(const TemporaryFolder& folder, std::vector<std::string> more) {
  std::vector<std::string> words{"generate"};
  words.insert(words.end(), kSmall.begin(), kSmall.end());
  words.insert(words.end(), more.begin(), more.end());
  return run(Invocation{.arguments = words, .folder = folder.path()});
}

TEST(Prompt, ABrokenOneIsDrawnWithAWarning) {
  const TemporaryFolder folder;
  const Outcome o = generate(folder, {"-p", kBroken, "-o", "a.png"});
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.err, AllOf(HasSubstr("prompt:2:1: <n> is not closed"), HasSubstr("newbie prompt lint tells all")));
  EXPECT_EQ(prompt_of(folder / "a.png"), kBroken);
  const Outcome formatted = generate(folder, {"-p", kBroken, "-o", "b.png", "--format-prompt"});
  EXPECT_THAT(formatted.err, Not(HasSubstr("warning: --prompt")));
  EXPECT_EQ(prompt_of(folder / "b.png"), "<character_1>\n<n>aoi</n>\n<gender>1girl</gender>\n</character_1>");
}

TEST(Prompt, AListDrawsWhatSingleCallsDraw) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "cards");
  write_file_atomically(folder / "cards/hair.txt", std::string_view("blue_hair\nred_hair\ngreen_hair\n"));
  write_file_atomically(
      folder / "list.jsonl",
      std::string_view("{\"prompt\": \"1girl, __hair__\", \"seed\": 1}\n\n"
                       "{\"seed\": 2, \"width\": 48, \"cfg\": 2, \"negative-prompt\": \"bad\", \"sampling_method\": "
                       "\"euler\", \"output\": \"own.png\"}\n{\"seed\": 3, \"steps\": 3}\n"));
  const Outcome o = generate(
      folder, {"-p", "1boy, __hair__", "--wildcards", "cards", "--prompts", "list.jsonl", "-o", "%d.png", "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder.path()), ElementsAre("0.png", "2.png", "cards", "list.jsonl", "own.png"));
  const Json json = parse_json(o.out, "stdout");
  EXPECT_EQ(json["files"].size(), 3u);
  EXPECT_EQ(json["files"][1]["line"], "list.jsonl:3");

  generate(folder, {"-p", "1girl, __hair__", "--wildcards", "cards", "-s", "1", "-o", "one.png"});
  EXPECT_EQ(file_bytes(folder / "0.png"), file_bytes(folder / "one.png"));
  EXPECT_THAT(prompt_of(folder / "0.png"), AllOf(StartsWith("1girl, "), HasSubstr("_hair"), Not(HasSubstr("__"))));
  run({"generate", "-p", prompt_of(folder / "own.png"), "-s", "2", "-W", "48", "-H", "32", "--steps", "2",
       "--cfg-scale", "2", "-n", "bad", "--sampling-method", "euler", "-o", (folder / "two.png").string()});
  EXPECT_EQ(file_bytes(folder / "own.png"), file_bytes(folder / "two.png"));
}

TEST(Prompt, AListIsCheckedBeforeAnythingIsDrawn) {
  const TemporaryFolder folder;
  const std::string good = "{\"prompt\": \"a\"}\n";
  const std::pair<std::string, std::string> cases[] = {
      {"{\"prompt\": \"a\", \"sed\": 1}", "list.jsonl:2: unknown key \"sed\""},
      {"{\"prompt\": ", "list.jsonl:2: "},
      {"[]", "list.jsonl:2: expected an object"},
      {"{\"steps\": 2}", "list.jsonl:2: no \"prompt\""},
      {"{\"prompt\": \"a\", \"width\": 33}", "list.jsonl:2: width: picture sides"},
      {"{\"prompt\": \"a\", \"width\": \"32\"}", "list.jsonl:2: width: expected a whole number"},
      {"{\"prompt\": \"a\", \"seed\": -2}", "list.jsonl:2: seed: expected -1"},
      {"{\"prompt\": \"a\", \"sampler\": \"x\"}", "list.jsonl:2: "},
      {"{\"prompt\": \"a\", \"output\": \"x.gif\"}", "list.jsonl:2: "},
      {"{\"prompt\": \"a\", \"output\": \"000.png\"}", "list.jsonl:2: 000.png is the name"},
      {"{\"prompt\": \"__x__\"}", "list.jsonl:2: __x__: there is no"},
  };
  for (const auto& [line, message] : cases) {
    write_file_atomically(folder / "list.jsonl", good + line + "\n" + good);
    const Outcome o = generate(folder, {"--prompts", "list.jsonl", "--wildcards", "."});
    EXPECT_GE(o.exit_code, 2) << line;
    EXPECT_THAT(o.err, HasSubstr(message)) << line;
    EXPECT_THAT(names_in(folder.path()), ElementsAre("list.jsonl")) << line;
  }
  write_file_atomically(folder / "list.jsonl", std::string_view("\n"));
  EXPECT_EQ(generate(folder, {"--prompts", "list.jsonl"}).exit_code, 2);
  write_file_atomically(folder / "list.jsonl", good);
  EXPECT_EQ(generate(folder, {"--prompts", "list.jsonl", "-o", "-"}).exit_code, 2);
}

}  // namespace
}  // namespace newbie::e2e
