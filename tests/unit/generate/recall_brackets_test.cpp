// Weights of other programs, written in our markup.
#include <gmock/gmock.h>

#include "generate/recall/brackets.h"
#include "text/prompt_weights.h"

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string rewritten(const char* prompt, BracketRule rule) { return rewrite_brackets(prompt, rule).text; }

TEST(RecallBrackets, A1111) {
  const auto text = [](const char* prompt) { return rewritten(prompt, BracketRule::A1111); };
  EXPECT_EQ(text("a, (b), ((c)), [d], (e:1.3), (f (g):1.5)"),
            "a, (b:1.1), (c:1.21), (d:0.9091), (e:1.3), (f :1.5)(g:1.65)");
  EXPECT_EQ(text(R"(rem \(re\), {x}, a\b, \\)"), R"(rem \(re\), \{x\}, ab, \)");
  EXPECT_EQ(text("(artist:name), (a:b)"), "(artist:name:1.1), (a:b:1.1)");
}

// An explicit number does not multiply there; square brackets are letters.
TEST(RecallBrackets, ComfyUi) {
  const auto text = [](const char* prompt) { return rewritten(prompt, BracketRule::ComfyUi); };
  EXPECT_EQ(text("a, (b), (((c:1.5))), ((d) e:1.5)"), "a, (b:1.1), (c:1.5), (d:1.65)( e:1.5)");
  EXPECT_EQ(text(R"([a], {b}, \(c\), d\e)"), R"(\[a\], \{b\}, \(c\), d\e)");
}

TEST(RecallBrackets, NovelAi) {
  EXPECT_EQ(rewritten("{{{smile}}}, [hat], rem (re:zero), 1.3::x::", BracketRule::NovelAi),
            R"((smile:1.158), (hat:0.9524), rem \(re:zero\), 1.3::x::)");
  EXPECT_EQ(rewritten("a, 1.3::b, {c}::, 0.5::d", BracketRule::NovelAi4), "a, (b, :1.3)(c:1.365), (d:0.5)");
  const RewrittenPrompt negative = rewrite_brackets("-1::hat::, a", BracketRule::NovelAi4);
  EXPECT_EQ(negative.text, "(hat:0), a");
  EXPECT_THAT(negative.problems, ElementsAre(HasSubstr("weight -1 of hat is drawn as 0")));
}

TEST(RecallBrackets, Compel) {
  const auto text = [](const char* prompt) { return rewritten(prompt, BracketRule::Compel); };
  EXPECT_EQ(text("hair++, t-shirt, blue-, (a b)1.4, (c d)+, \"e f\"-, (g)"),
            "(hair:1.21), t-shirt, (blue:0.9), (a b:1.4), (c d:1.1), (e f:0.9), g");
  EXPECT_EQ(text(R"(a - b, c\+, \(d\))"), R"(a - b, c+, \(d\))");
}

// What is read back is what was meant, whatever the rule; and the whole of a prompt stays where brackets are broken.
TEST(RecallBrackets, OurReaderUnderstandsIt) {
  constexpr BracketRule kRules[] = {BracketRule::A1111, BracketRule::ComfyUi, BracketRule::NovelAi,
                                    BracketRule::NovelAi4, BracketRule::Compel};
  for (const BracketRule rule : kRules)
    for (const char* prompt : {"a (b:1.2) c", "{a}, [b]", "1::a::, b+", "(a:20)", "((((a", "a)) (b)", "\\", "\\(", "()",
                               "a\\(b:1.1)", "[a|b] [c:d:0.4]", "::", "1.2::", "\"", "(:1.3)", ")("})
      EXPECT_THAT(read_weights(rewrite_brackets(prompt, rule).text).problems, IsEmpty())
          << prompt << " by rule " << static_cast<int>(rule);
  const RewrittenPrompt broken = rewrite_brackets("a, (b", BracketRule::ComfyUi);
  EXPECT_EQ(broken.text, "a, \\(b");
  EXPECT_FALSE(broken.has_markup);
  EXPECT_THAT(broken.problems, ElementsAre(HasSubstr("count as letters")));
}

}  // namespace
}  // namespace newbie
