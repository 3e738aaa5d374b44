// --weights, from the command line into the picture and back.
#include <gmock/gmock.h>

#include <fstream>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "generate/metadata.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

Outcome draw(const TemporaryFolder& folder, std::vector<std::string> more) {
  std::vector<std::string> words{"generate", "-W", "48", "-H", "48", "--steps", "2", "-q", "-s", "3"};
  words.insert(words.end(), more.begin(), more.end());
  return run({.arguments = words, .folder = folder.path()});
}

TEST(Weights, TravelInThePictureAndInLists) {
  const TemporaryFolder folder;
  ASSERT_EQ(draw(folder, {"-p", "1girl, (hat:1.5)", "-n", "[red]", "--weights", "-o", "a.png"}).exit_code, 0);
  const DecodedPicture a = picture(folder / "a.png");
  const Json request = parse_json(text_of(a, kRequestKey), "request");
  EXPECT_EQ(request["prompt"], "1girl, (hat:1.5)");
  EXPECT_EQ(request["weights"], true);

  ASSERT_EQ(draw(folder, {"--from", "a.png", "-o", "again.png"}).exit_code, 0);
  EXPECT_EQ(file_bytes(folder / "again.png"), file_bytes(folder / "a.png"));

  std::ofstream(folder / "list.jsonl") << R"x({"prompt": "1girl, (hat:1.5)", "negative": "[red]", "output": "l.png"})x";
  ASSERT_EQ(draw(folder, {"--prompts", "list.jsonl", "--weights"}).exit_code, 0);
  EXPECT_EQ(file_bytes(folder / "l.png"), file_bytes(folder / "a.png"));

  ASSERT_EQ(draw(folder, {"-p", "1girl, (hat:1.5)", "-n", "[red]", "-o", "verbatim.png"}).exit_code, 0);
  EXPECT_NE(picture(folder / "verbatim.png").image, a.image);
  EXPECT_FALSE(parse_json(text_of(picture(folder / "verbatim.png"), kRequestKey), "request").contains("weights"));
}

TEST(Weights, BrokenMarkupIsToldWithItsPlace) {
  const TemporaryFolder folder;
  Outcome o = draw(folder, {"-p", "1girl,\n(hat:1.5", "--weights"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("the prompt:2:1: '(' is not closed"));
  EXPECT_EQ(draw(folder, {"-p", "1girl,\n(hat:1.5"}).exit_code, 0);

  std::ofstream(folder / "list.jsonl") << "{\"prompt\": \"good\"}\n{\"prompt\": \"bad)\"}\n";
  o = draw(folder, {"--prompts", "list.jsonl", "--weights"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("list.jsonl:2: the prompt:1:4: ')' closes nothing"));

  o = run({"prompt", "lint", "--weights", "-p", "a (b"});
  EXPECT_EQ(o.exit_code, 1);
  EXPECT_THAT(o.out, HasSubstr("prompt:1:3: error: '(' is not closed"));
  o = run({"prompt", "lint", "--weights", "-p", "a (b:1.2)"});
  EXPECT_EQ(o.exit_code, 0);
}

}  // namespace
}  // namespace newbie::e2e
