#include "text/prompt_from_tags.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "text/prompt_format.h"
#include "text/prompt_lint.h"
#include "text/prompt_schema.h"
#include "text/tag_dictionary.h"
#include "unit/core/expect_error.h"

namespace newbie {
namespace {

TEST(PromptFromTags, PutsEveryTagInItsPlace) {
  EXPECT_EQ(prompt_from_tags("masterpiece, 1girl, solo, Blue Hair, long_straight_hair, red eyes, white dress, smile,\n"
                             "sitting, looking at viewer, simple background, from above, artist:mika_(pixiv), "
                             "character:rem_(re:zero), sunlight, absurdres, outdoors, umbrella, :d, hugging_own_legs, "
                             "re:zero, year_2023, 葵"),
            R"(<character_1>
<n>rem_\(re:zero\)</n>
<gender>1girl</gender>
<appearance>blue_hair, long_straight_hair, red_eyes</appearance>
<clothing>white_dress</clothing>
<expression>smile, :d</expression>
<action>sitting, looking_at_viewer</action>
</character_1>

<general_tags>
<count>1girl, solo</count>
<artists>artist:mika_\(pixiv\)</artists>
<background>simple_background</background>
<environment>outdoors</environment>
<perspective>from_above</perspective>
<lighting>sunlight</lighting>
<resolution>absurdres</resolution>
<quality>masterpiece, year_2023</quality>
<objects>umbrella</objects>
<extra_tags>hugging_own_legs, re:zero, 葵</extra_tags>
</general_tags>)");
}

TEST(PromptFromTags, SmallCases) {
  EXPECT_EQ(prompt_from_tags(""), "");
  EXPECT_EQ(prompt_from_tags(" , ,\n"), "");
  EXPECT_EQ(prompt_from_tags("scenery, no_humans"),
            "<general_tags>\n<count>no_humans</count>\n<background>scenery</background>\n</general_tags>");
  EXPECT_EQ(prompt_from_tags("smile, smile"), "<character_1>\n<n></n>\n<expression>smile</expression>\n</character_1>");
  EXPECT_EQ(prompt_from_tags("(smile:1.2), ((unheard of)), a_\\(b\\), :), (:, ()"),
            "<character_1>\n<n></n>\n<expression>smile, :)</expression>\n</character_1>\n\n<general_tags>\n"
            "<extra_tags>unheard of, a_\\(b\\), (:, ()</extra_tags>\n</general_tags>");
  EXPECT_EQ(prompt_from_tags("1girl, 2boys"),
            "<character_1>\n<n></n>\n<gender>1girl, 2boys</gender>\n</character_1>\n\n<general_tags>\n"
            "<count>1girl, 2boys</count>\n</general_tags>");
  EXPECT_ERROR(prompt_from_tags("<n>x</n>"), ErrorKind::InvalidRequest, "elements already");
}

// Every word of the dictionary, and words nobody knows.
TEST(PromptFromTags, DropsNothingAndIsCanonical) {
  std::string tags;
  for (int i = 0; i < 300; ++i) tags += fmt::format("unknown{}, thing{}_hair, thing{}_background, ", i, i, i);
  const std::string text = prompt_from_tags(tags);
  for (int i = 0; i < 300; ++i)
    for (const char* form : {"unknown{}", "thing{}_hair", "thing{}_background"})
      EXPECT_NE(text.find(fmt::format(fmt::runtime(form), i)), text.npos);
  EXPECT_EQ(format_prompt(text), text);
}

TEST(TagDictionary, WholeTagsThenPrefixesThenTheLongestEnding) {
  EXPECT_EQ(element_of_tag("closed_eyes"), "expression");
  EXPECT_EQ(element_of_tag("violet_eyes"), "appearance");
  EXPECT_EQ(element_of_tag("looking_at_another"), "interaction");
  EXPECT_EQ(element_of_tag("looking_sideways"), "action");
  EXPECT_EQ(element_of_tag("6+girls"), "count");
  EXPECT_EQ(element_of_tag("bow_(weapon)"), "objects");
  EXPECT_EQ(element_of_tag("_hair"), "");
  EXPECT_EQ(element_of_tag("artist:"), "");
  EXPECT_EQ(element_of_tag(""), "");
}

TEST(PromptSchema, HasEveryTag) {
  const OrderedJson schema = prompt_schema();
  const OrderedJson& character = schema["patternProperties"].begin().value();
  EXPECT_EQ(character["properties"].begin().key(), "n");
  EXPECT_EQ(character["required"], OrderedJson({"n", "gender"}));
  EXPECT_TRUE(schema["properties"]["general_tags"]["properties"].contains("extra_tags"));
  EXPECT_TRUE(schema["properties"].contains("caption"));
  EXPECT_FALSE(character["properties"].contains("name"));
}

}  // namespace
}  // namespace newbie
