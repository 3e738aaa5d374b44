// Markup of other programs is found, and ordinary prompts have none.
#include "text/foreign_markup.h"

#include <gmock/gmock.h>

#include "text/plain_text.h"

namespace newbie {
namespace {

std::vector<std::string> found(std::string_view prompt, bool weights = false) {
  std::vector<std::string> out;
  for (const ForeignMarkup& one : foreign_markup(prompt, weights)) out.push_back(one.text);
  return out;
}

TEST(ForeignMarkup, IsFoundOncePerKind) {
  using testing::ElementsAre;
  EXPECT_THAT(found("1girl, <lora:own>, <lyco:name:0.8>, <lyco:other>"), ElementsAre("<lyco:name:0.8>"));
  EXPECT_THAT(found("<hypernet:a:1>"), ElementsAre("<hypernet:a:1>"));
  EXPECT_THAT(found("a, embedding:EasyNegative, b"), ElementsAre("embedding:EasyNegative"));
  EXPECT_THAT(found("a BREAK b"), ElementsAre("BREAK"));
  EXPECT_THAT(found("[blue hair:red hair:0.5]"), ElementsAre("[blue hair:red hair:0.5]"));
  EXPECT_THAT(found("(smile:1.2)"), ElementsAre("(smile:1.2)"));
  EXPECT_THAT(found("(smile:1.2)", true), ElementsAre());
  EXPECT_THAT(found("[smile:0.8]", true), ElementsAre()) << "a weight";
}

TEST(ForeignMarkup, OrdinaryPromptsHaveNone) {
  for (const char* prompt :
       {"", "1girl, rem_\\(re:zero\\)", "<character_1>\n<gender>1girl</gender>\n</character_1>", "BREAKFAST, OUTBREAK",
        "a (very) small [cat]", "at 10:30 (a clock)", "(", "[:", "<lora", ":)", ">_<", "(:", "(a:b)", "()", "(:1)"})
    EXPECT_THAT(found(prompt), testing::ElementsAre()) << prompt;
}

TEST(PlainText, TakesMarksAndLineEndsOfOtherSystemsAway) {
  EXPECT_EQ(plain_text("\xEF\xBB\xBF"
                       "a\r\nb\rc\n\r\n"),
            "a\nb\nc\n\n");
  EXPECT_EQ(plain_text("a\xEF\xBB\xBF"), "a\xEF\xBB\xBF");
  EXPECT_EQ(plain_text("\r"), "\n");
  EXPECT_EQ(plain_text(""), "");
}

}  // namespace
}  // namespace newbie
