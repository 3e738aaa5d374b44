// The small parts: UTF-8, base64, the prefix tree, added tokens, Unigram, BPE.
#include <gtest/gtest.h>

#include "core/error.h"
#include "text/added_tokens.h"
#include "text/base64.h"
#include "text/bpe.h"
#include "text/grapheme.h"
#include "text/trie.h"
#include "text/unigram.h"
#include "text/utf8.h"
#include "unit/core/expect_error.h"

namespace newbie {
namespace {

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_FALSE(find_invalid_utf8("a\u00E9\u3042\U0001F469"));
  const struct {
    std::string_view text;
    size_t offset;
  } bad[] = {{"\x80", 0},           {"a\xC0\x80", 1},        {"\xE0\x80\x80", 0},
             {"ab\xED\xA0\x80", 2}, {"\xF4\x90\x80\x80", 0}, {"a\xF0\x9F\x91", 1},
             {"\xE3\x81", 0},       {"\u3042\xFF", 3}};
  for (const auto& entry : bad) EXPECT_EQ(find_invalid_utf8(entry.text), entry.offset);
}

TEST(Utf8, EveryCodePointSurvives) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    const auto back = to_code_points(text);
    ASSERT_TRUE(back && *back == std::u32string(1, c)) << static_cast<uint32_t>(c);
  }
}

TEST(Base64, DecodesAndRefuses) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("TQ=="), "M");
  EXPECT_EQ(decode_base64("TWE="), "Ma");
  EXPECT_EQ(decode_base64("TWFu"), "Man");
  for (const char* bad : {"T", "TQ", "TQ=", "====", "T===", "TW!u", "TQ==TQ=="})
    EXPECT_FALSE(decode_base64(bad)) << bad;
}

TEST(Trie, FindsEveryPrefix) {
  const Trie trie({{U"ab", 1}, {U"a", 2}, {U"abcd", 3}, {U"b", 4}}, "t");
  std::vector<int32_t> found;
  trie.for_each_prefix(decode_prompt("abcx"), [&](Trie::Match m) { found.push_back(m.value); });
  EXPECT_EQ(found, (std::vector<int32_t>{2, 1}));
  EXPECT_EQ(trie.longest_prefix(decode_prompt("abcd"))->length, 4u);
  EXPECT_FALSE(trie.longest_prefix(decode_prompt("xa")));
  EXPECT_FALSE(Trie().longest_prefix(decode_prompt("a")));
  EXPECT_ERROR(Trie({{U"a", 1}, {U"a", 2}}, "t"), ErrorKind::BadFile, "ids 1 and 2");
  EXPECT_ERROR(Trie({{U"", 1}}, "t"), ErrorKind::BadFile, "empty");
}

TEST(AddedTokens, LeftmostThenLongest) {
  const AddedToken tokens[] = {{.content = U"ab", .id = 1},
                               {.content = U"bcd", .id = 2},
                               {.content = U"abc", .id = 3},
                               {.content = U"m", .id = 4, .strips_left = true}};
  const AddedTokens added(tokens, "t");
  const auto show = [&](std::string_view text) {
    std::string out;
    const std::vector<Character> characters = decode_prompt(text);
    for (const AddedTokens::Segment& segment : added.split(characters)) {
      out += segment.id ? std::to_string(*segment.id) : "[";
      if (segment.id) continue;
      for (const Character& c : segment.text) append_utf8(out, c.code_point);
      out += "]";
    }
    return out;
  };
  EXPECT_EQ(show(""), "");
  EXPECT_EQ(show("abcd"), "3[d]");
  EXPECT_EQ(show("xbcdab"), "[x]21");
  EXPECT_EQ(show(" x \t mm  m"), "[ x]444");
  EXPECT_EQ(show("ab m"), "14");
}

TEST(Grapheme, ClustersByTheRulesThatMatter) {
  const auto lengths = [](std::string_view text) {
    const std::vector<Character> characters = decode_prompt(text);
    std::vector<size_t> out;
    for (size_t begin = 0; begin < characters.size();) {
      const size_t end = grapheme_cluster_end(characters, begin);
      out.push_back(end - begin);
      begin = end;
    }
    return out;
  };
  EXPECT_EQ(lengths("ab"), (std::vector<size_t>{1, 1}));
  EXPECT_EQ(lengths("\r\n\n\r"), (std::vector<size_t>{2, 1, 1}));
  EXPECT_EQ(lengths("e\u0302\u0301x"), (std::vector<size_t>{3, 1}));
  EXPECT_EQ(lengths("\n\u0301"), (std::vector<size_t>{1, 1}));
  EXPECT_EQ(lengths("\u0600e\u0301"), (std::vector<size_t>{3}));
}

TEST(Unigram, EqualSumsKeepTheFirstSplit) {
  const Unigram::Piece pieces[] = {{U"?", 0}, {U"a", -1}, {U"aa", -1}, {U"b", -3}};
  const Unigram unigram(pieces, 0, "t");
  const auto ids = [&](std::string_view text) {
    std::vector<Token> tokens;
    unigram.encode(decode_prompt(text), tokens);
    std::vector<int32_t> out;
    for (const Token& token : tokens) out.push_back(token.id);
    return out;
  };
  EXPECT_EQ(ids(""), (std::vector<int32_t>{}));
  EXPECT_EQ(ids("aaa"), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(ids("axyb"), (std::vector<int32_t>{1, 0, 3}));
}

TEST(Bpe, LowestRankThenLeftmost) {
  Bpe::Vocabulary vocabulary;
  vocabulary.characters = {{U'a', 0}, {U'b', 1}};
  for (size_t i = 0; i < 256; ++i) vocabulary.bytes[i] = static_cast<int32_t>(10 + i);
  vocabulary.size = 300;
  const Bpe::Merge merges[] = {{1, 1, 2}, {0, 1, 3}, {3, 3, 4}};  // bb, ab, abab
  const Bpe bpe(vocabulary, merges);
  const auto ids = [&](std::string_view text) {
    std::vector<Token> tokens;
    bpe.encode(decode_prompt(text), tokens);
    std::vector<int32_t> out;
    for (const Token& token : tokens) out.push_back(token.id);
    return out;
  };
  EXPECT_EQ(ids(""), (std::vector<int32_t>{}));
  EXPECT_EQ(ids("abb"), (std::vector<int32_t>{0, 2}));
  EXPECT_EQ(ids("bbb"), (std::vector<int32_t>{2, 1}));
  EXPECT_EQ(ids("ababab"), (std::vector<int32_t>{4, 3}));
  EXPECT_EQ(ids("a\u00E9"), (std::vector<int32_t>{0, 10 + 0xC3, 10 + 0xA9}));
}

}  // namespace
}  // namespace newbie
