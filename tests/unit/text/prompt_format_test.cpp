#include "text/prompt_format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "text/prompt_xml.h"
#include "unit/text/model_files.h"

namespace newbie {
namespace {

TEST(PromptFormat, WritesTheFormOfTheReadme) {
  EXPECT_EQ(format_prompt(R"(
  <general_tags>
    <style>anime_style ,official_art,</style><count>1girl,1boy</count>
    <other></other>
  </general_tags>
  <character_2><gender>1boy</gender><n></n><clothing> </clothing></character_2>
  <character_1>
    <gender>1girl</gender>
    <n>rem_\(re:zero\)</n>
    <action>sitting,
       looking_at_viewer</action>
  </character_1>
)"),
            R"(<character_1>
<n>rem_\(re:zero\)</n>
<gender>1girl</gender>
<action>sitting, looking_at_viewer</action>
</character_1>

<character_2>
<n></n>
<gender>1boy</gender>
</character_2>

<general_tags>
<count>1girl, 1boy</count>
<style>anime_style, official_art</style>
</general_tags>)");
}

TEST(PromptFormat, ReadsWhatOtherBuildersWrite) {
  EXPECT_EQ(format_prompt(R"(<?xml version="1.0" ?>
<style>style of mikozin</style>

<image>
  <caption>A girl,  sitting
    on a bench.</caption>
  <character_1>
    <n/>
    <gender>1girl</gender>
  </character_1>
  <general tags>
    <count>1girl</count>
  </general tags>
</image>)"),
            R"(<style>style of mikozin</style>

<character_1>
<n></n>
<gender>1girl</gender>
</character_1>

<general_tags>
<count>1girl</count>
</general_tags>

<caption>A girl, sitting on a bench.</caption>)");
  EXPECT_EQ(format_prompt("<document><rem><name>rem</name><gender>1girl</gender></rem><ram><body_type>slim</body_type>"
                          "</ram></document>"),
            "<character_1>\n<n>rem</n>\n<gender>1girl</gender>\n</character_1>\n\n<character_2>\n<n>ram</n>\n"
            "<body_type>slim</body_type>\n</character_2>");
}

TEST(PromptFormat, RepairsAndLosesNothing) {
  EXPECT_EQ(format_prompt("before\n<character_1><n>aoi <gender>1girl</gendre>blue hair</b>, tall <mood>sad</mood>\n"
                          "<style>flat</style><gender>solo</gender>\n<general_tags><count>1girl</general_tags> behind"),
            "before\n\n<character_1>\n<n>aoi</n>\n<gender>1girl, solo</gender>\n<style>flat</style>\nblue hair, tall "
            "<mood>sad</mood>\n</character_1>\n\n<general_tags>\n<count>1girl</count>\n</general_tags>\n\nbehind");
}

TEST(PromptFormat, LeavesPlainPromptsAlone) {
  EXPECT_EQ(format_prompt("1girl, blue hair,smile"), "1girl, blue hair,smile");
  EXPECT_EQ(format_prompt("  one\n two <i>x</i>\n\n\n three \n"), "one\ntwo <i>x</i>\n\nthree");
  EXPECT_EQ(format_prompt(""), "");
}

TEST(PromptFormat, EscapesWhenAskedTo) {
  const char* text = "<n>a & b</n><style>x > y, &lt;z, <b>w</b> <</style>";
  EXPECT_EQ(format_prompt(text), "<n>a & b</n>\n<style>x > y, &lt;z, <b>w</b> <</style>");
  const std::string escaped = format_prompt(text, {.escape = true});
  EXPECT_EQ(escaped, "<n>a &amp; b</n>\n<style>x &gt; y, &lt;z, <b>w</b> &lt;</style>");
  EXPECT_EQ(format_prompt(escaped, {.escape = true}), escaped);
}

TEST(PromptFormat, TheExamplesStayWhatTheyAre) {
  for (const char* file : {"examples/prompts/aoi.xml", "examples/prompts/pair.xml"}) {
    std::string text = testing::source_file(file), lines = format_prompt(text);
    for (size_t at; (at = lines.find("\n\n")) != lines.npos;) lines.erase(at, 1);
    EXPECT_EQ(lines + "\n", text) << file;
  }
}

// Words made of the pieces that the grammar knows, in any order.
TEST(PromptFormat, TwiceIsOnceAndNoWordIsLost) {
  const char* pieces[] = {"<character_1>",
                          "</character_1>",
                          "<character_2>",
                          "</character_2>",
                          "<n>",
                          "</n>",
                          "<n/>",
                          "<gender>",
                          "</gender>",
                          "<general_tags>",
                          "</general_tags>",
                          "<general tags>",
                          "<style>",
                          "</style>",
                          "<style >",
                          "<caption>",
                          "</caption>",
                          "<image>",
                          "</image>",
                          "<x>",
                          "</x>",
                          "<y>",
                          "</y>",
                          "</stile>",
                          "<stile>",
                          "<name>",
                          "</name>",
                          "<n a=b>",
                          "<danbooru_tags>",
                          "</danbooru_tags>",
                          "<",
                          ">",
                          "/",
                          "n",
                          "a=1",
                          "=",
                          " ",
                          "\n",
                          "\n\n",
                          ",",
                          " , ",
                          "<!--",
                          "-->",
                          "<?xml ?>",
                          "<o>_<o>",
                          "&",
                          "&lt;",
                          "葵",
                          "W"};
  std::mt19937 random(7);
  for (int round = 0; round < 60000; ++round) {
    std::string text;
    size_t words = 0;
    for (int n = static_cast<int>(random() % 14); n >= 0; --n) {
      const std::string_view piece = pieces[random() % std::size(pieces)];
      text += piece;
      if (piece != "W") continue;
      text.back() = 'w';
      text += std::to_string(words++) + ";";  // told apart, so that joining equal fields does not count as a loss
    }
    for (const bool escape : {false, true}) {
      const std::string once = format_prompt(text, {.escape = escape});
      ASSERT_EQ(format_prompt(once, {.escape = escape}), once) << "from: " << text;
      for (size_t w = 0; w < words; ++w)
        ASSERT_NE(once.find(fmt::format("w{};", w)), once.npos) << "from: " << text << "\nto: " << once;
    }
  }
}

}  // namespace
}  // namespace newbie
