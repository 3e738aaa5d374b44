// What comes out of files is shown, and steers no terminal.
#include "core/printable.h"

#include <gtest/gtest.h>

namespace newbie::test {
namespace {

TEST(Printable, ControlCharactersAreShown) {
  EXPECT_EQ(printable("a\x1b]0;title\x07 b\rc"), "a\\x1b]0;title\\x07 b\\x0dc");
  EXPECT_EQ(printable("one\n\ttwo"), "one\n\ttwo");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");  // CSI as one C1 character
  EXPECT_EQ(printable("\xc2\xa0青い…"), "\xc2\xa0青い…");
  EXPECT_EQ(printable("\xc2"), "\xc2");
}

TEST(Printable, QuotesNamesOfOneLineAndAReadableLength) {
  EXPECT_EQ(in_quotes("a.b"), "'a.b'");
  EXPECT_EQ(in_quotes("a\nb\tc"), "'a\\x0ab\\x09c'");
  EXPECT_EQ(in_quotes(std::string(100000, 'A')), "'" + std::string(160, 'A') + "…'");
}

}  // namespace
}  // namespace newbie::test
