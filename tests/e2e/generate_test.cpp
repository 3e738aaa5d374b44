// newbie generate on the embedded model.
#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "generate/metadata.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A small picture in few steps, with more words at the end.
std::vector<std::string> quick(std::vector<std::string> more) {
  std::vector<std::string> words{"generate", "-W", "64", "-H", "48", "--steps", "3", "-q"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string drawn(const TemporaryFolder& folder, std::vector<std::string> more) {
  const std::string path = (folder / "drawn.png").string();
  more.insert(more.end(), {"-o", path});
  const Outcome o = run(quick(std::move(more)));
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(o.err, "");
  return o.exit_code == 0 ? file_bytes(path) : "";
}

TEST(Generate, DrawsAPictureOfTheModelsSizeWithItsTexts) {
  const TemporaryFolder folder;
  const Outcome o =
      run({.arguments = {"generate", "-p", "1girl, blue hair", "-s", "7", "--steps", "2"}, .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder.path()), ElementsAre("output.png"));
  EXPECT_THAT(o.out, HasSubstr("output.png  128x128  seed 7\n"));
  for (const char* word : {"time:", "denoise", "memory:", "planned", "measured"}) EXPECT_THAT(o.out, HasSubstr(word));

  const DecodedPicture png = picture(folder / "output.png");
  EXPECT_EQ(png.image.width, 128);
  EXPECT_EQ(png.image.height, 128);
  EXPECT_THAT(text_of(png, "parameters"), testing::StartsWith("1girl, blue hair\nSteps: 2, Sampler: res_multistep"));
  const Json request = parse_json(text_of(png, kRequestKey), "request");
  EXPECT_EQ(request["prompt"], "1girl, blue hair");
  EXPECT_EQ(request["seed"], 7);
  for (const char* part : {"transformer", "text_encoder", "clip_model", "vae"})
    EXPECT_FALSE(request["parts"][part].get<std::string>().empty()) << part;
}

TEST(Generate, AQualityIsRecordedAsTheStepsItStandsFor) {
  const TemporaryFolder folder;
  const std::string path = (folder / "a.png").string();
  const Outcome o = run({"generate", "-p", "a girl", "-W", "64", "-H", "48", "--quality", "draft", "-q", "-o", path});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json request = parse_json(text_of(picture(path), kRequestKey), "request");
  EXPECT_EQ(request["sampler"], "unipc");
  EXPECT_EQ(request["schedule"], "few_steps");
  EXPECT_LT(request["steps"], 28);
  EXPECT_FALSE(request.contains("quality")) << "another version may mean other steps by it";
  EXPECT_EQ(run({"generate", "-p", "a", "--quality", "draft", "--steps", "3"}).exit_code, 2);
}

TEST(Generate, TheSameSeedGivesTheSameBytesForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  const std::string once = drawn(folder, {"-p", "a girl", "-s", "3", "-t", "1"});
  for (const char* threads : {"1", "2", "7"})
    EXPECT_EQ(drawn(folder, {"-p", "a girl", "-s", "3", "-t", threads}), once) << threads << " threads";
  EXPECT_NE(drawn(folder, {"-p", "a girl", "-s", "4"}), once);
}

TEST(Generate, ABatchIsThePicturesDrawnAlone) {
  const TemporaryFolder folder;
  const Outcome o =
      run({.arguments = quick({"-p", "a girl", "-n", "red", "-s", "5", "-b", "3"}), .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder.path()), ElementsAre("output.png", "output_2.png", "output_3.png"));
  const char* names[] = {"output.png", "output_2.png", "output_3.png"};
  for (int k = 0; k < 3; ++k)
    EXPECT_EQ(file_bytes(folder / names[k]), drawn(folder, {"-p", "a girl", "-n", "red", "-s", std::to_string(5 + k)}));
}

TEST(Generate, SlicesOfOneDrawStartWithThePictureOfTheSeed) {
  const TemporaryFolder folder;
  const Outcome o =
      run({.arguments = quick({"-p", "a girl", "-s", "5", "-b", "2", "--batch-noise", "slices", "-o", "{seed}.png"}),
           .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder.path()), ElementsAre("5.png", "5_2.png"));
  drawn(folder, {"-p", "a girl", "-s", "5"});
  EXPECT_EQ(picture(folder / "5.png").image, picture(folder / "drawn.png").image);
  EXPECT_NE(picture(folder / "5_2.png").image, picture(folder / "drawn.png").image);
}

TEST(Generate, AWeightCacheGivesTheSameBytes) {
  const TemporaryFolder folder;
  const std::string cache = (folder / "cache").string(), plain = drawn(folder, {"-p", "a girl"});
  EXPECT_EQ(drawn(folder, {"-p", "a girl", "--weight-cache", cache}), plain);
  EXPECT_THAT(names_in(cache), testing::SizeIs(4)) << "a file of each part";
  EXPECT_EQ(drawn(folder, {"-p", "a girl", "--weight-cache", cache}), plain);
  const Outcome plan = run({"plan", "-p", "a girl", "-W", "64", "-H", "48", "--weight-cache", cache, "--json"});
  ASSERT_EQ(plan.exit_code, 0) << plan.err;
  const Json told = parse_json(plan.out, "plan");
  for (const Json& stage : told["stages"]) {
    EXPECT_EQ(stage["weights_bytes"], 0) << stage["name"];
    EXPECT_GT(stage["page_bytes"], 0) << stage["name"];
  }
  EXPECT_EQ(told["stages"].size(), 5u);
}

TEST(Generate, ThePromptMayComeFromAFileOrStandardInput) {
  const TemporaryFolder folder;
  const std::string prompt = "<character_1>\n<n>aoi</n>\n</character_1>";
  std::ofstream(folder / "prompt.xml") << prompt << '\n';
  const std::string want = drawn(folder, {"-p", prompt});
  EXPECT_EQ(drawn(folder, {"--prompt-file", (folder / "prompt.xml").string()}), want);
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"-p", "-"}, {"--prompt-file", "-"}}) {
    std::vector<std::string> words = quick(flags);
    words.insert(words.end(), {"-o", "stdin.png"});
    const Outcome o = run({.arguments = words, .standard_input = prompt + "\n", .folder = folder.path()});
    ASSERT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(file_bytes(folder / "stdin.png"), want);
  }
  // One newline is dropped, not two.
  const Outcome o = run(
      {.arguments = quick({"-p", "-", "-o", "two.png"}), .standard_input = prompt + "\n\n", .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(parse_json(text_of(picture(folder / "two.png"), kRequestKey), "request")["prompt"], prompt + "\n");
}

TEST(Generate, AnEmptyPromptIsAPromptAndNoneIsNot) {
  const TemporaryFolder folder;
  drawn(folder, {"-p", ""});
  const Outcome o = run(quick({}));
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("no prompt"));
}

TEST(Generate, OutputPatterns) {
  const TemporaryFolder folder;
  const auto names = [&](const char* pattern) {
    const TemporaryFolder inside;
    const Outcome o =
        run({.arguments = quick({"-p", "a", "-s", "9", "-b", "2", "-o", pattern}), .folder = inside.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(inside.path()))
      if (entry.is_regular_file()) out.push_back(entry.path().lexically_relative(inside.path()).string());
    std::sort(out.begin(), out.end());
    return out;
  };
  EXPECT_THAT(names("a_%03d.png"), ElementsAre("a_000.png", "a_001.png"));
  EXPECT_THAT(names("{width}x{height}_{seed}.{index}.png"), ElementsAre("64x48_10.1.png", "64x48_9.0.png"));
  EXPECT_THAT(names("new/"), ElementsAre("new/10.png", "new/9.png"));
  EXPECT_THAT(names("100%.PNG"), ElementsAre("100%.PNG", "100%_2.PNG"));
  EXPECT_THAT(names("{date}.png"), ElementsAre(testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}\\.png"), testing::_));
}

TEST(Generate, StandardOutputTakesThePicture) {
  const TemporaryFolder folder;
  const Outcome o = run(quick({"-p", "a girl", "-o", "-"}));
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.out, drawn(folder, {"-p", "a girl"}));
}

TEST(Generate, ARandomSeedIsToldAndDrawsTheSameAgain) {
  const TemporaryFolder folder;
  const Outcome o = run({.arguments = quick({"-p", "a girl", "-s", "-1", "--json"}), .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json json = parse_json(o.out, "stdout");
  EXPECT_EQ(drawn(folder, {"-p", "a girl", "-s", json["files"][0]["seed"].dump()}), file_bytes(folder / "output.png"));
}

TEST(Generate, JsonTellsEverythingOnStandardOutput) {
  const TemporaryFolder folder;
  const Outcome o = run(
      {.arguments = {"generate", "-p", "a", "--steps", "2", "--json", "-b", "2", "-t", "2"}, .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json json = parse_json(o.out, "stdout");
  ASSERT_EQ(json["files"].size(), 2u);
  EXPECT_EQ(json["files"][1]["path"], "output_2.png");
  EXPECT_EQ(json["files"][1]["seed"], 1);
  EXPECT_EQ(json["files"][1]["width"], 128);
  EXPECT_EQ(json["evaluations"], 8);  // two pictures, two steps, with and without the prompt
  EXPECT_EQ(json["threads"], 2);
  for (const char* stage : {"gemma", "jina", "context", "denoise", "decode", "save", "total"})
    EXPECT_TRUE(json["seconds"][stage].is_number()) << stage;
  EXPECT_FALSE(json["precision"]["reasons"].empty());
  EXPECT_EQ(json["memory"]["planned_allocated_bytes"], json["memory"]["measured_allocated_bytes"]);
  EXPECT_GT(json["memory"]["measured_peak_bytes"], 0);
  EXPECT_EQ(json["plan"]["stages"].size(), 5u);
}

TEST(Generate, ProgressIsPlainLinesWhereThereIsNoTerminal) {
  const TemporaryFolder folder;
  const Outcome o =
      run({.arguments = {"generate", "-p", "a", "-W", "32", "-H", "32", "--steps", "4"}, .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("denoise 1/4  "));
  EXPECT_THAT(o.err, HasSubstr("ETA 0:0"));
  EXPECT_EQ(o.err.find('\r'), std::string::npos);
  EXPECT_EQ(o.err.find('\x1b'), std::string::npos);
}

TEST(Generate, ALongPromptIsCutWithOneWarning) {
  const TemporaryFolder folder;
  const Outcome o = run({.arguments = {"generate", "-p", "blue hair, pale skin, green dress, happy eyes, braids",
                                       "--steps", "1", "--max-gemma-tokens", "12"},
                         .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const size_t at = o.err.find("newbie: warning: ");
  ASSERT_NE(at, std::string::npos) << o.err;
  EXPECT_EQ(o.err.find("newbie: warning: ", at + 1), std::string::npos) << o.err;
  EXPECT_THAT(o.err, HasSubstr("braids"));
}

// Of a megabyte the encoders read the first tokens; the time for the rest is linear.
TEST(Generate, AMegabyteOfPrompt) {
  const TemporaryFolder folder;
  const std::string unit = "<character_1><n>\xE9\x9D\x92 x</n></character_1>, blue hair\n",
                    one_word(size_t{1} << 20, 'a');
  std::string text;
  while (text.size() + unit.size() <= one_word.size()) text += unit;
  for (const std::string& prompt : {text, one_word}) {
    std::ofstream(folder / "prompt.txt") << prompt;
    const Outcome o = run({"generate", "-W", "32", "-H", "32", "--steps", "1", "--prompt-file",
                           (folder / "prompt.txt").string(), "-o", (folder / "a.png").string()});
    EXPECT_EQ(o.exit_code, 0) << o.err.substr(0, 1000);
    EXPECT_LT(o.err.size(), size_t{10'000}) << "what is lost is quoted, not printed";
    EXPECT_TRUE(std::filesystem::remove(folder / "a.png"));
  }
}

TEST(Generate, NeedsNoHomeAndNoStandardStreams) {
  const TemporaryFolder folder;
  Invocation call{.arguments = quick({"-p", "a", "-o", (folder / "a.png").string()}), .environment = {{"HOME", ""}}};
  call.before_exec = [] {
    ::unsetenv("HOME");
    for (int descriptor : {0, 1, 2}) ::close(descriptor);
  };
  EXPECT_EQ(run(call).exit_code, 0);
  EXPECT_EQ(file_bytes(folder / "a.png"), drawn(folder, {"-p", "a"}));
}

TEST(Generate, TheEnvironmentNamesTheModelAndTheFlagWins) {
  const TemporaryFolder folder;
  Invocation call{.arguments = quick({"-p", "a"}), .environment = {{"NEWBIE_MODEL", (folder / "none").string()}}};
  call.folder = folder.path();
  const Outcome o = run(call);
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr((folder / "none").string()));
  call.arguments = quick({"-p", "a", "-m", avatar().string()});
  EXPECT_EQ(run(call).exit_code, 0);
}

}  // namespace
}  // namespace newbie::e2e
