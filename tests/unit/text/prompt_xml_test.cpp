#include "text/prompt_xml.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <ctime>

#include "text/prompt_format.h"
#include "text/prompt_lint.h"
#include "text/prompt_tags.h"

namespace newbie {
namespace {

using Kind = PromptProblemKind;

// Elements as `name@line:column(children)`, texts left out.
std::string shape(const PromptTree& tree, const PromptNode& node) {
  std::string out;
  for (const size_t i : tree.children(node)) {
    const PromptNode& child = tree.nodes[i];
    if (child.kind != PromptNode::Kind::Element) continue;
    const std::string inside = shape(tree, child);
    out += fmt::format("{}{}@{}:{}", out.empty() ? "" : " ", child.name, child.at.line, child.at.column);
    if (!inside.empty()) out += fmt::format("({})", inside);
  }
  return out;
}
std::string shape(std::string_view text) {
  const PromptTree tree = parse_prompt(text);
  return shape(tree, tree.root());
}

std::vector<std::pair<Kind, std::string>> problems(std::string_view text) {
  std::vector<std::pair<Kind, std::string>> out;
  for (const PromptProblem& p : parse_prompt(text).problems)
    out.emplace_back(p.kind, fmt::format("{} {}:{}", p.name, p.at.line, p.at.column));
  return out;
}

TEST(PromptXml, ReadsAWholePrompt) {
  const std::string text =
      "<character_1>\n<n>aoi</n>\n  <gender>1girl</gender>\n</character_1>\n\n<general_tags>\n<count>1girl</count>\n"
      "</general_tags>\n";
  EXPECT_EQ(shape(text), "character_1@1:1(n@2:1 gender@3:3) general_tags@6:1(count@7:1)");
  EXPECT_TRUE(problems(text).empty());
  const PromptTree tree = parse_prompt(text);
  const PromptNode& n = tree.nodes[tree.nodes[1].first_child + 1];
  EXPECT_EQ(n.name, "n");
  EXPECT_EQ(text.substr(n.content_begin, n.content_end - n.content_begin), "aoi");
  EXPECT_EQ(text.substr(n.begin, n.end - n.begin), "<n>aoi</n>");
}

TEST(PromptXml, ColumnsCountCharacters) {
  EXPECT_EQ(shape("日本語<n>葵</n><gender>x</gender>\r\né<count>1</count>"), "n@1:4 gender@1:12 count@2:2");
}

TEST(PromptXml, WhatIsNoTagIsText) {
  for (const char* text :
       {"", "<", "<<<", "<>", "</>", "a < b > c", ">_<", "<3", "1girl, <o>_<o>, <_>", "<Prompt Start>",
        "<lora:foo:0.8>", "<n", "<!-- x -->", "<?xml version=\"1.0\" ?>", "<general\ntags>", "<n\n>"})
    EXPECT_EQ(shape(text), "") << text;
  EXPECT_EQ(shape("<少女>x</少女><a_b.c-d/>"), "少女@1:1 a_b.c-d@1:11");
  EXPECT_EQ(shape("<<n>x</n>"), "n@1:2");
  EXPECT_EQ(shape("<general tags><count>1</count></general_tags>"), "general tags@1:1(count@1:15)");
}

TEST(PromptXml, AnUnclosedFieldEndsAtTheNextTag) {
  const char* text =
      "<character_1>\n<n>aoi\n<gender>1girl</gender>\n</character_1>\n<character_2><n>b</n></character_2>";
  EXPECT_EQ(shape(text), "character_1@1:1(n@2:1 gender@3:1) character_2@5:1(n@5:14)");
  EXPECT_THAT(problems(text), testing::ElementsAre(testing::Pair(Kind::Unclosed, "n 2:1")));
}

TEST(PromptXml, AnUnclosedBlockEndsAtTheNextBlock) {
  const char* text = "<character_1>\n<n>a</n>\n<character_2>\n<n>b</n>\n</character_2>\n<caption>c";
  EXPECT_EQ(shape(text), "character_1@1:1(n@2:1) character_2@3:1(n@4:1) caption@6:1");
  EXPECT_THAT(problems(text), testing::ElementsAre(testing::Pair(Kind::Unclosed, "character_1 1:1"),
                                                   testing::Pair(Kind::Unclosed, "caption 6:1")));
}

TEST(PromptXml, GoesOnAfterEveryKindOfSlip) {
  const char* text =
      "<character_1>\n<n>aoi</name>\n<gender>1girl</gendre>\n<apperance>blue</appearance>\n</clothing>\n<action sit\n"
      "<position >left</position>\n<style a=\"b\">x</style>\n</character_1>";
  EXPECT_THAT(problems(text),
              testing::ElementsAre(
                  testing::Pair(Kind::Unclosed, "n 2:1"), testing::Pair(Kind::StrayClosing, "name 2:7"),
                  testing::Pair(Kind::MismatchedClosing, "gender 3:14"),
                  testing::Pair(Kind::MismatchedClosing, "apperance 4:16"),
                  testing::Pair(Kind::StrayClosing, "clothing 5:1"), testing::Pair(Kind::BrokenTag, "action 6:1"),
                  testing::Pair(Kind::SpacesInTag, "position 7:1"), testing::Pair(Kind::Attributes, "style 8:1")));
}

TEST(PromptXml, AnUnknownElementWithoutAPartnerIsEmpty) {
  EXPECT_EQ(shape("<style>a <i> b</style><n>c</n>"), "style@1:1(i@1:10) n@1:23");
  EXPECT_EQ(shape("<character_1><x><n>a</n></character_1></x>"), "character_1@1:1(x@1:14 n@1:17)");
  EXPECT_EQ(shape("<a><a></a></a>"), "a@1:1(a@1:4)");
}

TEST(PromptTags, NearestKnownTag) {
  EXPECT_EQ(nearest_known_tag("apperance"), "appearance");
  EXPECT_EQ(nearest_known_tag("charcter_2"), "character_2");
  EXPECT_EQ(nearest_known_tag("backgorund"), "background");
  EXPECT_EQ(nearest_known_tag("N"), "n");
  EXPECT_EQ(nearest_known_tag("general-tags"), "general_tags");
  for (const char* name : {"i", "rem", "", "weather", "a_very_long_name_that_is_no_tag_at_all"})
    EXPECT_EQ(nearest_known_tag(name), "") << name;
}

// Repeats `part` to a megabyte.
std::string megabyte(std::string_view part) {
  std::string out;
  while (out.size() < (size_t{1} << 20)) out += part;
  return out;
}

// Parsing, linting and formatting of a megabyte must not depend on how bad it is. The bound is far above the linear
// time (well under a second) and far below the hours of anything quadratic, so that sanitizers and a busy machine pass.
TEST(PromptXml, AHostileMegabyteTakesLinearTime) {
  std::string deep = megabyte("<character_1>");
  const size_t half = deep.size() / 2;
  std::string nested;
  while (nested.size() < half) nested += "<a>";
  for (size_t n = nested.size() / 3; n > 0; --n) nested += "</a>";
  std::string roots;
  while (roots.size() < half) roots += "<image>";
  for (size_t n = roots.size() / 7; n > 0; --n) roots += "x</image>";
  std::string loose;
  while (loose.size() < half) loose += "<character_1>";
  for (size_t n = loose.size() / 13; n > 0; --n) loose += "</character_1>x";
  std::string names;
  for (int i = 0; names.size() < half * 2; ++i) names += fmt::format("<tag{}></atg{}>", i, i);
  const std::string texts[] = {deep,
                               nested,
                               roots,
                               loose,
                               names,
                               megabyte("<"),
                               megabyte("</"),
                               megabyte("<n>"),
                               megabyte("</n>"),
                               megabyte("<x>"),
                               megabyte("</x>"),
                               megabyte("<x></y>"),
                               megabyte("<x><n>"),
                               megabyte("</x><n>"),
                               megabyte("<n>a</n>"),
                               megabyte("<n "),
                               megabyte("<!--"),
                               megabyte("<?xml "),
                               megabyte("<?xml ?>"),
                               megabyte("(_("),
                               megabyte("a,"),
                               megabyte("\n"),
                               megabyte("<character_1><n>a</n></character_1>"),
                               megabyte("葵"),
                               megabyte("<葵>"),
                               megabyte("\xFF<"),
                               megabyte("<apperance></appearence>"),
                               megabyte("</apperance>"),
                               megabyte("<character_1></n></character_1>")};
  for (const std::string& text : texts) {
    const std::clock_t start = std::clock();  // of this process: others may hold it up
    const PromptTree tree = parse_prompt(text);
    lint_prompt(text, tree);
    format_prompt(text);
    EXPECT_LT(std::clock() - start, 20 * CLOCKS_PER_SEC) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace newbie
