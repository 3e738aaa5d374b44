#include "text/prompt_lint.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "unit/text/model_files.h"

namespace newbie {
namespace {

std::vector<std::string> lint(std::string_view text) {
  std::vector<std::string> out;
  for (const Finding& f : lint_prompt(text, parse_prompt(text))) {
    out.push_back(fmt::format("{}:{} {}", f.at.line, f.at.column, f.code));
    EXPECT_FALSE(f.message.empty());
  }
  return out;
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PromptLint, GoodPromptsGiveNothing) {
  for (const char* file : {"examples/prompts/aoi.xml", "examples/prompts/pair.xml", "examples/prompts/tags.txt"})
    EXPECT_THAT(lint(newbie::testing::source_file(file)), IsEmpty()) << file;
  for (const char* text :
       {"", "1girl, >_<, <3, rem_\\(re:zero\\)", "A girl with an umbrella.",
        "<character_1>\n<n></n>\n<gender>1girl</gender>\n</character_1>\n<caption>葵が笑う</caption>",
        "<danbooru_tags>lowres, bad anatomy</danbooru_tags>"})
    EXPECT_THAT(lint(text), IsEmpty()) << text;
}

TEST(PromptLint, TellsAllSlipsWithTheirPlaces) {
  EXPECT_THAT(lint("<character_1>\n<n>aoi\n<gender>1girl</gendre>\n<apearance>blue_hair</apearance>\n</clothing>\n"
                   "<gender>1girl</gender>\nblue dress\n</character_1>\n<character_3>\n</character_3>\n<character_1>\n"
                   "<n></n>\n<style>x</style>\n</character_1>\n"),
              ElementsAre("2:1 unclosed", "3:14 mismatched-closing", "4:1 unknown-tag", "5:1 stray-closing",
                          "6:1 duplicate-tag", "7:1 loose-text", "9:1 numbering-gap", "9:1 empty-character",
                          "11:1 duplicate-character", "11:1 missing-gender", "13:1 misplaced-tag"));
}

TEST(PromptLint, KnowsWhatTokenizersMakeOfTags) {
  EXPECT_THAT(lint("a <i>b</i> <s>c</s> [multimodal] <bos>"),
              ElementsAre("1:3 atom", "1:7 atom", "1:12 special-token", "1:16 special-token", "1:21 special-token",
                          "1:34 special-token"));
  EXPECT_THAT(lint("<table>x"), ElementsAre("1:1 atom"));
}

TEST(PromptLint, NamesTheNearestTag) {
  const std::string_view text = "<backgorund>x</backgorund>";
  const auto findings = lint_prompt(text, parse_prompt(text));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].hint, "did you mean <background>?");
  EXPECT_EQ(findings[0].severity, Severity::Warning);
}

std::string fixed(std::string text) {
  const std::vector<Finding> findings = lint_prompt(text, parse_prompt(text));
  for (auto f = findings.rbegin(); f != findings.rend(); ++f)
    if (f->fix) text.replace(f->fix->begin, f->fix->end - f->fix->begin, f->fix->text);
  return text;
}

TEST(PromptLint, FixesWhatNeedsNoDecision) {
  EXPECT_EQ(fixed("<backgorund>x</backgorund>"), "<background>x</background>");
  EXPECT_EQ(fixed("<backgorund/>"), "<background></background>");
  EXPECT_EQ(fixed("<gender >1girl</ gender>"), "<gender>1girl</gender>");
  EXPECT_EQ(fixed("<gender>1girl</gendre>"), "<gender>1girl</gender>");
  EXPECT_EQ(fixed("<n/>"), "<n></n>");
  EXPECT_EQ(fixed("\xEF\xBB\xBF<n>a &amp; b, rem_(re:zero), x_(y</n>"), "<n>a & b, rem_\\(re:zero\\), x_(y</n>");
  EXPECT_EQ(fixed("<wholly_unknown>x</wholly_unknown>"), "<wholly_unknown>x</wholly_unknown>");
  // Thousands of elements in each other, each of them misspelt: no copy of a copy of a copy.
  std::string deep;
  for (int i = 0; i < 4000; ++i) deep += "<gendre>";
  for (int i = 0; i < 4000; ++i) deep += "</gendre>";
  size_t bytes = 0;
  for (const Finding& f : lint_prompt(deep, parse_prompt(deep)))
    if (f.fix) bytes += f.fix->text.size();
  EXPECT_LT(bytes, size_t{4000} * 4200);
}

TEST(PromptLint, Others) {
  EXPECT_THAT(lint("\xEF\xBB\xBF<?xml version=\"1.0\"?><document><rem><name>rem</name></rem></document>"),
              ElementsAre("1:1 byte-order-mark", "1:2 xml-markup", "1:33 old-form"));
  EXPECT_THAT(lint("<general tags><count>rem_(re:zero) &amp; x</count></general tags>"),
              ElementsAre("1:1 old-form", "1:26 bare-parenthesis", "1:36 entity"));
  EXPECT_THAT(lint("<n/><n a=\"1\">x</n><n >y</n><style"),
              ElementsAre("1:1 self-closing", "1:5 attributes", "1:19 spaces-in-tag", "1:28 broken-tag"));
  EXPECT_THAT(lint("葵\n葵\xFF"), ElementsAre("2:2 not-utf8"));
  EXPECT_THAT(
      lint("<general_tags></general_tags><general_tags></general_tags><caption>a</caption><caption>b</caption>"),
      ElementsAre("1:30 duplicate-tag", "1:79 duplicate-tag"));
}

PromptTokens tokens_of(const std::string& text, TokenOptions options = {}) {
  return count_prompt_tokens(text, parse_prompt(text), *newbie::testing::gemma_forms()[0].tokenizer,
                             *newbie::testing::jina_forms()[0].tokenizer, options);
}

TEST(PromptTokens, PiecesTileTheTextAndBlocksAddUp) {
  for (const std::string& text : {newbie::testing::source_file("examples/prompts/pair.xml"),
                                  std::string("葵 é <n>x</n>  y\n\n"), std::string()}) {
    const PromptTokens tokens = tokens_of(text);
    for (const EncoderTokens* encoder : {&tokens.gemma, &tokens.jina}) {
      EXPECT_EQ(encoder->text.substr(encoder->prompt_begin), text);
      size_t end = 0;
      std::string joined;
      for (const TokenPiece& piece : encoder->pieces) {
        if (piece.source == TokenPiece::Source::Special) continue;
        EXPECT_GE(piece.begin, end == 0 ? 0 : end);
        joined += encoder->text.substr(piece.begin, piece.end - piece.begin);
        end = piece.end;
      }
      if (encoder == &tokens.gemma) {
        EXPECT_EQ(joined, encoder->text);
      }
      EXPECT_EQ(encoder->used, encoder->pieces.size());
      EXPECT_EQ(encoder->lost, 0u);
    }
    EXPECT_EQ(tokens.gemma.pieces.front().source, TokenPiece::Source::Special);
    EXPECT_EQ(tokens.jina.pieces.back().source, TokenPiece::Source::Special);
  }
  const std::string text = newbie::testing::source_file("examples/prompts/pair.xml");  // block names view it
  const PromptTokens pair = tokens_of(text);
  ASSERT_EQ(pair.gemma.blocks.size(), 3u);
  EXPECT_EQ(pair.gemma.blocks[1].name, "character_2");
  EXPECT_EQ(pair.gemma.blocks[1].at.line, 9u);
  size_t sum = 0;
  for (const BlockTokens& block : pair.gemma.blocks) sum += block.count;
  const auto is_prompt = [](const TokenPiece& p) { return p.source == TokenPiece::Source::Prompt; };
  const auto all = static_cast<size_t>(std::count_if(pair.gemma.pieces.begin(), pair.gemma.pieces.end(), is_prompt));
  EXPECT_LE(all - sum, 3u);  // line ends between and behind the blocks
}

TEST(PromptTokens, TellWhatIsLost) {
  const std::string text = "<character_1>\n<n>aoi</n>\n<gender>1girl</gender>\n</character_1>";
  const PromptTokens whole = tokens_of(text, {.system_prompt = "none"});
  const PromptTokens cut = tokens_of(text, {.system_prompt = "none", .max_gemma_tokens = whole.gemma.used - 3});
  EXPECT_EQ(cut.gemma.lost, 3u);
  EXPECT_TRUE(cut.gemma.pieces.back().lost);
  const auto findings = lint_tokens(cut);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "text-lost");
  const auto first = std::find_if(cut.gemma.pieces.begin(), cut.gemma.pieces.end(), [](auto& p) { return p.lost; });
  EXPECT_EQ(findings[0].at.offset, first->begin);
  EXPECT_THAT(findings[0].hint, ::testing::HasSubstr(fmt::format("`max_gemma_tokens` {}", whole.gemma.used)));
  EXPECT_THAT(lint_tokens(whole), IsEmpty());
}

}  // namespace
}  // namespace newbie
