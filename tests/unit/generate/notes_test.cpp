// What is told of requests that are well-formed and will not do what they seem to ask for.
#include <gmock/gmock.h>

#include <fstream>

#include "core/json.h"
#include "generate/known.h"
#include "generate/request_notes.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Image painted(int channels, std::vector<uint8_t> pixels) {
  const int width = static_cast<int>(pixels.size()) / channels;
  return {.width = width, .height = 1, .channels = channels, .pixels = std::move(pixels)};
}

TEST(RequestNotes, OrdinaryRequestsHaveNone) {
  GenerateRequest r;
  r.prompt = "1girl, smile";
  EXPECT_THAT(request_notes(r), ElementsAre());
  r.system_prompt = "xml";
  r.sigmas = {1, 0.5, 0};
  r.init_image = painted(3, {1, 2, 3, 4, 5, 6});
  r.mask = painted(3, {255, 255, 255, 0, 0, 0});
  EXPECT_THAT(request_notes(r), ElementsAre());
  r.system_prompt = "You draw well.";
  EXPECT_THAT(request_notes(r), ElementsAre());
}

TEST(RequestNotes, NothingIsAskedFor) {
  GenerateRequest r;
  for (const char* prompt : {"", "   ", "\n"}) {
    r.prompt = prompt;
    EXPECT_THAT(request_notes(r), ElementsAre(HasSubstr("`prompt` is empty")));
  }
}

TEST(RequestNotes, Masks) {
  GenerateRequest r;
  r.prompt = "1girl";
  r.init_image = painted(3, {1, 2, 3});
  r.mask = painted(3, {0, 0, 0, 0, 0, 0});
  EXPECT_THAT(request_notes(r), ElementsAre(HasSubstr("nothing is repainted")));
  r.mask = painted(4, {0, 0, 0, 255, 0, 0, 0, 0});
  EXPECT_THAT(request_notes(r), ElementsAre(HasSubstr("alpha channel")));
  r.mask = painted(4, {255, 255, 255, 0, 255, 255, 255, 0});
  EXPECT_THAT(request_notes(r), ElementsAre(HasSubstr("black everywhere: nothing")));
  r.mask = painted(3, {255, 255, 255});
  EXPECT_THAT(request_notes(r), ElementsAre(HasSubstr("white everywhere")));
}

TEST(RequestNotes, LevelsGuidanceAndNames) {
  GenerateRequest r;
  r.prompt = "1girl";
  r.sigmas = {1, 0.5};
  r.cfg_trunc = 0;
  r.system_prompt = "xlm";
  r.negative_prompt = "<lyco:a:1>";
  EXPECT_THAT(request_notes(r),
              ElementsAre(HasSubstr("which is never"), HasSubstr("noise is left"), HasSubstr("did you mean xml?"),
                          HasSubstr("`negative_prompt`: <lyco:a:1>")));
}

KnownThings known() { return {.sizes = {{128, 128}, {256, 128}}, .words = {{"all", {"1girl", "blue_hair", "smile"}}}}; }

TEST(Known, TagsAreLookedUpAndSentencesAreNot) {
  EXPECT_THAT(unknown_tags(known(), "1girl, Blue Hair ,smile\n"), ElementsAre());
  EXPECT_THAT(unknown_tags(known(), "1girl, dragon, dragon, old castle"), ElementsAre("dragon", "old_castle"));
  EXPECT_THAT(unknown_tags(known(), "a girl who has blue hair and smiles"), ElementsAre());
  EXPECT_THAT(unknown_tags(known(), "<character_1>\n<gender>1girl</gender><appearance>horns, smile</appearance>"),
              ElementsAre("horns"));
  EXPECT_THAT(unknown_tags(known(), "< , <"), ElementsAre());
}

TEST(Known, SizesAreTold) {
  GenerateRequest r;
  r.prompt = "smile";
  EXPECT_THAT(notes_on_known(known(), r, {256, 128}), ElementsAre());
  EXPECT_THAT(notes_on_known(known(), r, {256, 256}), ElementsAre(HasSubstr("128x128 and 256x128; at 256x256")));
  r.prompt = "a, b, c, d, e, f";
  EXPECT_THAT(notes_on_known(known(), r, {128, 128}), ElementsAre(HasSubstr("never learned: a, b, c, d, e …")));
  EXPECT_THAT(notes_on_known({}, r, {8, 8}), ElementsAre());
}

TEST(Known, FilesAreReadOrRefused) {
  const TemporaryFolder folder;
  EXPECT_FALSE(read_known(folder.path()));
  EXPECT_FALSE(read_known(""));
  const auto write = [&](const char* text) { std::ofstream(folder / "known.json") << text; };
  write(R"({"format": 1, "sizes": [[64, 32]], "words": {"hair": ["bun"]}})");
  const KnownThings out = read_known(folder.path()).value();
  EXPECT_EQ(out.sizes.at(0).width, 64);
  EXPECT_EQ(out.words.at(0).second, std::vector<std::string>{"bun"});
  for (const char* text : {"", "[]", "{}", R"({"format": 2})", R"({"format": 1, "sizes": [[1]]})",
                           R"({"format": 1, "words": {"a": [1]}})", R"({"format": 1, "words": 3})"}) {
    write(text);
    EXPECT_ERROR(read_known(folder.path()), ErrorKind::BadFile, "known.json");
  }
}

// The embedded model's list is of its own tags.
TEST(Known, TheEmbeddedModelKnowsItsExamples) {
  const KnownThings avatar = read_known(std::string(NEWBIE_SOURCE_DIR) + "/models/avatar").value();
  std::ifstream file(std::string(NEWBIE_SOURCE_DIR) + "/examples/prompts/avatars.jsonl");
  size_t prompts = 0;
  for (std::string line; std::getline(file, line); ++prompts)
    EXPECT_THAT(unknown_tags(avatar, parse_json(line, "line").at("prompt").get<std::string>()), ElementsAre()) << line;
  EXPECT_GT(prompts, 100u);
}

}  // namespace
}  // namespace newbie
