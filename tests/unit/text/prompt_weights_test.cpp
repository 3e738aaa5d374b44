#include "text/prompt_weights.h"

#include <gmock/gmock.h>

#include <ctime>

#include "core/error.h"

namespace newbie {
namespace {

std::string shown(const WeightedPrompt& prompt) {
  std::string out = prompt.text + " |";
  for (const WeightedSpan& s : prompt.spans)
    out += fmt::format(" {}*{:.4g}", prompt.text.substr(s.begin, s.end - s.begin), s.weight);
  for (const WeightProblem& p : prompt.problems) out += fmt::format(" {}:{}", p.at.line, p.at.column);
  return out;
}
std::string shown(std::string_view marked) { return shown(read_weights(marked)); }

TEST(PromptWeights, TheFormsOfWebPages) {
  EXPECT_EQ(shown("a (blue hair:1.2), b"), "a blue hair, b | blue hair*1.2");
  EXPECT_EQ(shown("(a)"), "a | a*1.1");
  EXPECT_EQ(shown("[a] {b}"), "a b | a*0.9 b*1.2");
  EXPECT_EQ(shown("(a:0)"), "a | a*0");
  EXPECT_EQ(shown("(a: 1.5 )"), "a | a*1.5");
  EXPECT_EQ(shown(""), " |");
}

TEST(PromptWeights, NestedOnesMultiply) {
  EXPECT_EQ(shown("((a))"), "a | a*1.21");
  EXPECT_EQ(shown("((a:1.2) b:1.5) c"), "a b c | a*1.8  b*1.5");
  EXPECT_EQ(shown("(a [b] c:2)"), "a b c | a *2 b*1.8  c*2");
  EXPECT_EQ(shown("(a:2)(b:2)"), "ab | ab*2");
}

TEST(PromptWeights, ColonsThatAreNoWeightAreText) {
  EXPECT_EQ(shown("(artist:name)"), "artist:name | artist:name*1.1");
  EXPECT_EQ(shown("(a:b:1.3)"), "a:b | a:b*1.3");
  EXPECT_EQ(shown("a:1.3"), "a:1.3 |");
  EXPECT_EQ(shown("((a:2) :b)"), "a :b | a*2.2  :b*1.1");
}

TEST(PromptWeights, ABackslashMakesABracketALetter) {
  EXPECT_EQ(shown(R"(rem_\(re:zero\))"), "rem_(re:zero) |");
  EXPECT_EQ(shown(R"((\(a\):1.2) \[b\] \{c\})"), "(a) [b] {c} | (a)*1.2");
  EXPECT_EQ(shown(R"(a\b\\)"), R"(a\b\\ |)");
}

TEST(PromptWeights, AWeightOfOneIsNoMarkupAtAll) {
  EXPECT_EQ(shown("(a:1.0), (b:1)"), "a, b |");
  EXPECT_EQ(shown("((a:0.5):2)"), "a |");
}

TEST(PromptWeights, WhatIsBrokenIsToldWithItsPlace) {
  EXPECT_EQ(shown("a\n (b"), "a\n b | 2:2");
  EXPECT_EQ(shown("a)"), "a | 1:2");
  EXPECT_EQ(shown("(a]"), "a | 1:1 1:3");
  EXPECT_EQ(shown("(a:1.2x)"), "a:1.2x | a:1.2x*1.1 1:3");
  EXPECT_EQ(shown("(a:)"), "a: | a:*1.1 1:3");
  EXPECT_EQ(shown("(a:-1)"), "a:-1 | a:-1*1.1 1:3");
  EXPECT_EQ(shown("(a:11)"), "a:11 | a:11*1.1 1:3");
  EXPECT_EQ(shown("()"), " | 1:1");
  EXPECT_EQ(shown("((a:9):9)"), "a | a*10 1:2");
  try {
    parse_weights("good\n(bad", "prompt");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::InvalidRequest);
    EXPECT_THAT(e.message(), testing::StartsWith("prompt:2:1: '(' is not closed"));
  }
}

TEST(PromptWeights, HostileTextTakesLinearTime) {
  const std::clock_t start = std::clock();  // of this process: others may hold it up
  for (const char* piece : {"(", ")", "([{", "(a", "(a:1.0)", "\\"}) {
    std::string text;
    while (text.size() < (size_t{1} << 17)) text += piece;
    read_weights(text);
    read_weights(text + std::string(text.size(), ')'));
  }
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
}

// Tokens as text tokenizers make them: the space before a word is in its token.
TokenizedText tokens(std::vector<size_t> begins, size_t before, size_t after) {
  TokenizedText out{.ids = std::vector<int32_t>(begins.size()), .begins = std::move(begins)};
  out.specials_before = before;
  out.specials_after = after;
  return out;
}

TEST(PromptWeights, TokensTakeTheMeanOfTheirLetters) {
  using testing::ElementsAre;
  // "S: a blue b" with `a`, ` blue`, ` b`; the prompt starts at 3.
  const WeightedPrompt p = parse_weights("a (blue:1.5) b", "prompt");
  const std::string read = "S: " + p.text;
  EXPECT_THAT(token_weights(read, 3, p.spans, tokens({0, 0, 3, 4, 9, 11}, 1, 1)), ElementsAre(1, 1, 1, 1.5f, 1, 1));
  // Half of a token.
  EXPECT_THAT(token_weights("ab", 0, parse_weights("a(b:2)", "p").spans, tokens({0}, 0, 0)), ElementsAre(1.5f));
  // Bytes of one character.
  EXPECT_THAT(token_weights("é", 0, parse_weights("(é:2)", "p").spans, tokens({0, 0}, 0, 0)), ElementsAre(2, 2));
  // Blanks alone.
  EXPECT_THAT(token_weights("a  ", 0, parse_weights("a(  :2)", "p").spans, tokens({0, 1}, 0, 0)), ElementsAre(1, 2));
  EXPECT_THAT(token_weights("ab", 0, {}, tokens({0, 1}, 0, 0)), testing::IsEmpty());
  // Outside of what is read.
  EXPECT_THAT(token_weights("ab", 0, {{1, 2, 2}},
                            [] {
                              TokenizedText t = tokens({0}, 0, 0);
                              t.lost_text = "b";
                              return t;
                            }()),
              testing::IsEmpty());
}

}  // namespace
}  // namespace newbie
