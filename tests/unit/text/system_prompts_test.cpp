#include "text/system_prompts.h"

#include <gtest/gtest.h>

#include "text/prompt_tags.h"
#include "text/routing.h"

namespace newbie {
namespace {

TEST(SystemPrompts, AreTheExactStrings) {
  const auto text = [](const char* name) { return resolve_system_prompt(name, "").text; };
  EXPECT_EQ(text("xml"),
            "You are an assistant designed to generate high-quality anime images based on xml format prompts. "
            "<Prompt Start> ");
  EXPECT_EQ(text("tags"),
            "You are an assistant designed to generate high-quality anime images with the highest degree of image-text "
            "alignment based on textual prompts. <Prompt Start> ");
  EXPECT_EQ(text("comfy"),
            "You are an assistant designed to generate high-quality anime images with the highest degree of image-text "
            "alignment based on xml format textual prompts. <Prompt Start>\n");
  EXPECT_EQ(text("demo-alignment"),
            "You are an assistant designed to generate high-quality images with the highest degree of image-text "
            "alignment based on textual prompts.");
  EXPECT_EQ(text("demo-user"), "You are an assistant designed to generate high-quality images based on user prompts.");
  EXPECT_EQ(
      text("demo-superior"),
      "You are an assistant designed to generate superior images with the superior degree of image-text alignment "
      "based on textual prompts or user prompts.");
  EXPECT_EQ(text("none"), "");
  EXPECT_EQ(system_prompts().size(), 7u);
  for (const NamedSystemPrompt& known : system_prompts()) {
    EXPECT_EQ(resolve_system_prompt(std::string(known.name), "").name, known.name);
    EXPECT_EQ(text(known.name.data()), known.text);
  }
}

TEST(SystemPrompts, AChoiceIsANameOrAText) {
  EXPECT_EQ(resolve_system_prompt("", "<n>x</n>").name, "none");
  const SystemPrompt custom = resolve_system_prompt("Draw. ", "1girl");
  EXPECT_EQ(custom.name, "custom");
  EXPECT_EQ(custom.text, "Draw. ");
  EXPECT_EQ(resolve_system_prompt("XML", "1girl").name, "custom");
}

TEST(SystemPrompts, WithoutAChoiceThePromptDecides) {
  EXPECT_EQ(resolve_system_prompt(std::nullopt, "1girl, smile").name, "tags");
  EXPECT_EQ(resolve_system_prompt(std::nullopt, "").name, "tags");
  EXPECT_EQ(resolve_system_prompt(std::nullopt, "x <character_1>\n<n>a</n>").name, "xml");
}

TEST(PromptTags, OpeningTagsOfTheSchema) {
  for (const char* prompt : {"<character_1>", "a<character_10>b", "<n></n>", "<n/>", "<general_tags>", "<general tags>",
                             "<caption>x", "<<style>", "< <count>", "<artists>", "<extra_tags>", "<image>"}) {
    EXPECT_TRUE(has_known_tag(prompt)) << prompt;
  }
  for (const char* prompt :
       {"", "<", "<>", "</>", "</n>", "<b>bold</b>", "<character_>", "<character_0>", "<character_1", "<character_1a>",
        "< n>", "<n >", ">_<", "1girl, <3", "<N>", "style", "<Prompt Start>"}) {
    EXPECT_FALSE(has_known_tag(prompt)) << prompt;
  }
}

TEST(Routing, OfficialGivesJinaThePromptAlone) {
  const EncoderTexts texts = route_prompt("1girl", "System. ", Routing::Official);
  EXPECT_EQ(texts.gemma_text, "System. 1girl");
  EXPECT_EQ(texts.jina_text, "1girl");
}

TEST(Routing, ComfyUiGivesBothEverything) {
  const EncoderTexts texts = route_prompt("1girl", "System. ", Routing::ComfyUi);
  EXPECT_EQ(texts.gemma_text, "System. 1girl");
  EXPECT_EQ(texts.jina_text, "System. 1girl");
}

TEST(Routing, OnlyAnEmptyNegativeStaysEmpty) {
  EXPECT_EQ(route_prompt("", "S ", Routing::Official).gemma_text, "S ");
  EXPECT_EQ(route_prompt("", "S ", Routing::Official).jina_text, "");
  for (const Routing routing : {Routing::Official, Routing::ComfyUi}) {
    EXPECT_EQ(route_negative_prompt("", "S ", routing).gemma_text, "");
    EXPECT_EQ(route_negative_prompt("", "S ", routing).jina_text, "");
    EXPECT_EQ(route_negative_prompt("bad", "S ", routing).gemma_text, "S bad");
  }
  EXPECT_EQ(route_negative_prompt("bad", "S ", Routing::Official).jina_text, "bad");
}

}  // namespace
}  // namespace newbie
