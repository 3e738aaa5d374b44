// What comes out of files is shown, and steers no terminal.
#include "core/printable.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/utf8.h"

namespace newbie::test {
namespace {

TEST(Printable, ControlCharactersAreShown) {
  EXPECT_EQ(printable("a\x1b]0;title\x07 b\rc"), "a\\x1b]0;title\\x07 b\\x0dc");
  EXPECT_EQ(printable("one\n\ttwo"), "one\n\ttwo");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");  // CSI as one C1 character
  EXPECT_EQ(printable("\xc2\xa0青い…"), "\xc2\xa0青い…");
}

// "gnp.exe" shown backwards ends in .png.
TEST(Printable, WhatTurnsTextRoundIsShown) {
  EXPECT_EQ(printable("a\u202egnp.exe"), "a\\u202egnp.exe");
  for (const char* control : {"\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u2066", "\u2067",
                              "\u2068", "\u2069", "\u2028", "\u2029"})
    EXPECT_EQ(printable(control).front(), '\\') << in_one_line(control);
  // Right-to-left letters, and the joiners that scripts and emoji are written with, stay.
  for (const char* text : {"שלום", "سلام", "می\u200cخواهم", "👩\u200d🎨"}) EXPECT_EQ(printable(text), text);
}

TEST(Printable, BytesThatAreNoUtf8AreShown) {
  EXPECT_EQ(printable("\xc2"), "\\xc2");
  EXPECT_EQ(printable("a\xff\xe9\x9b[31mb"), "a\\xff\\xe9\\x9b[31mb");
  EXPECT_EQ(printable("\xed\xa0\x80\xc0\x80"), "\\xed\\xa0\\x80\\xc0\\x80");  // a surrogate, an overlong zero
}

TEST(Printable, OneLineIsOneLineOfABoundedLength) {
  EXPECT_EQ(in_one_line("a.png\n  hint: run this\t"), "a.png\\x0a  hint: run this\\x09");
  EXPECT_EQ(in_one_line("青い空", 6), "青い…");
  EXPECT_EQ(in_one_line("青い空", 9), "青い空");
  // No character, and no name for one, is cut in two.
  const std::string evil = "\x1b\u202e\xff青";
  for (size_t most = 0; most < 20; ++most) {
    const std::string shown = in_one_line(evil, most), whole = in_one_line(evil);
    EXPECT_FALSE(find_invalid_utf8(shown)) << most;
    if (most >= whole.size()) {
      EXPECT_EQ(shown, whole);
    } else {
      ASSERT_TRUE(shown.ends_with("…")) << most;
      const std::string kept = shown.substr(0, shown.size() - std::string("…").size());
      EXPECT_LE(kept.size(), most);
      EXPECT_TRUE(kept.empty() || kept == "\\x1b" || kept == "\\x1b\\u202e" || kept == "\\x1b\\u202e\\xff") << kept;
    }
  }
}

TEST(Printable, QuotesNamesOfOneLineAndAReadableLength) {
  EXPECT_EQ(in_quotes("a.b"), "'a.b'");
  EXPECT_EQ(in_quotes("a\nb\tc"), "'a\\x0ab\\x09c'");
  EXPECT_EQ(in_quotes(std::string(100000, 'A')), "'" + std::string(160, 'A') + "…'");
  EXPECT_EQ(in_quotes(std::string(1000, '\x80')).size(), std::string("''…").size() + 160);
}

TEST(Printable, JsonKeepsItsValues) {
  const Json value{{"a\u202e", "\x7f \xc2\x9b \u2028 \x1b \n 青"}, {"list", {1, "\u2066"}}};
  for (const int indent : {-1, 2}) {
    const std::string shown = printable_json(value.dump(indent));
    EXPECT_EQ(Json::parse(shown), value);
    EXPECT_EQ(printable(shown), shown);
  }
  EXPECT_EQ(printable_json(R"("\u202e 青")"), R"("\u202e 青")");
}

}  // namespace
}  // namespace newbie::test
