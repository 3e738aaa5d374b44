// A form's view of a prompt: what each stretch is, and that editing it changes nothing else.
#include "text/prompt_outline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace newbie {
namespace {

std::string content(std::string_view text, const OutlineElement& e) {
  return std::string(text.substr(e.content_begin, e.content_end - e.content_begin));
}

TEST(PromptOutline, NamesBlocksAndFieldsWithTheirPlaces) {
  const std::string text =
      "first <character_1>\n<n>aoi</n>\n<odd>kept</odd>\n<appearance>blue_hair</appearance>\n</character_1>\n"
      "<general_tags><count>1girl</count></general_tags>";
  const std::vector<OutlineBlock> blocks = outline_prompt(text);
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].kind, OutlineBlock::Kind::Character);
  EXPECT_EQ(blocks[0].name, "character_1");
  ASSERT_EQ(blocks[0].fields.size(), 3U);
  EXPECT_EQ(content(text, blocks[0].fields[0]), "aoi");
  EXPECT_EQ(blocks[0].fields[1].name, "odd");
  EXPECT_EQ(content(text, blocks[0].fields[2]), "blue_hair");
  EXPECT_EQ(blocks[1].kind, OutlineBlock::Kind::General);
  EXPECT_EQ(content(text, blocks[1]), "<count>1girl</count>");
  EXPECT_EQ(text.substr(blocks[1].begin), "<general_tags><count>1girl</count></general_tags>");
}

TEST(PromptOutline, LooksIntoWrappersAndNowhereElse) {
  const auto wrapped = outline_prompt("<image><character_1><n>a</n></character_1></image>");
  ASSERT_EQ(wrapped.size(), 1U);
  EXPECT_EQ(wrapped[0].name, "character_1");
  EXPECT_THAT(outline_prompt("1girl, smile"), testing::IsEmpty());
  EXPECT_THAT(outline_prompt("<caption><character_1></character_1></caption>"), testing::IsEmpty());
}

TEST(PromptOutline, ReplacingAStretchChangesThatStretchAlone) {
  const std::string text = "<character_2><gender>1boy</gender> loose <x/></character_2> tail";
  const OutlineElement gender = outline_prompt(text)[0].fields[0];
  std::string edited = text;
  edited.replace(gender.content_begin, gender.content_end - gender.content_begin, "1girl");
  EXPECT_EQ(edited, "<character_2><gender>1girl</gender> loose <x/></character_2> tail");
  EXPECT_EQ(content(edited, outline_prompt(edited)[0].fields[0]), "1girl");
}

TEST(PromptOutline, TakesAnyBytes) {
  std::string deep;
  for (int i = 0; i < 50000; ++i) deep += "<image>";
  outline_prompt(deep);
  outline_prompt(std::string("\xff\xfe<character_1>\0<n", 17));
}

TEST(PromptOutline, JsonHasTheSamePlaces) {
  const OrderedJson json = outline_json(outline_prompt("<character_1><n>a</n></character_1>"));
  EXPECT_EQ(json[0]["kind"], "character");
  EXPECT_EQ(json[0]["fields"][0]["name"], "n");
  EXPECT_EQ(json[0]["fields"][0]["content_begin"], 16);
  EXPECT_EQ(json[0]["fields"][0]["content_end"], 17);
}

}  // namespace
}  // namespace newbie
