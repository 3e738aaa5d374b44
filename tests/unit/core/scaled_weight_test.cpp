// Names of weights times powers of two, and the rows that they tell of.
#include "core/scaled_weight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace newbie::test {
namespace {

TEST(ScaledWeight, NamesAreReadAsTheyWereWritten) {
  EXPECT_EQ(scaled_weight_name("a.weight", 0), "a.weight");
  EXPECT_EQ(scaled_weight_name("a.weight*2^3", -3), "a.weight");
  const std::vector<RowScale> rows{{4, 6, -2}, {6, 9, 5}};
  const std::string name = scaled_weight_name("a.weight*2^3", -4, rows);
  EXPECT_EQ(name, "a.weight*2^-1*2^-2[4:6]*2^5[6:9]");
  const ScaledWeight weight = parse_scaled_weight(name);
  EXPECT_EQ(weight.name, "a.weight");
  EXPECT_EQ(weight.log2, -1);
  ASSERT_EQ(weight.rows.size(), 2u);
  EXPECT_EQ(weight.rows[1].begin, 6);
  EXPECT_EQ(weight.rows[1].end, 9);
  EXPECT_EQ(weight.rows[1].log2, 5);
}

TEST(ScaledWeight, WhatIsNoSuchNameIsItsOwn) {
  for (const char* name : {"a", "a*2^", "a*2^x", "a*2^1x", "a*2^1[", "a*2^1[2:3", "a*2^1[3:2]", "a*2^1[-1:2]",
                           "a*2^1[1:99999999999999999999]", "a*2^99999999999", "*2"}) {
    const ScaledWeight weight = parse_scaled_weight(name);
    EXPECT_EQ(weight.name, name);
    EXPECT_TRUE(weight.is_as_stored());
  }
}

// In whatever pieces a weight is read.
TEST(ScaledWeight, RowsAreMultipliedWhereverAPieceBegins) {
  const std::vector<RowScale> rows{{1, 3, 2}, {3, 4, -1}};
  std::vector<float> want(15, 1.0f);
  scale_rows(rows, 3, 0, want);
  EXPECT_THAT(want, testing::ElementsAre(1, 1, 1, 4, 4, 4, 4, 4, 4, .5f, .5f, .5f, 1, 1, 1));
  for (size_t first = 0; first < want.size(); ++first)
    for (size_t count = 0; first + count <= want.size(); ++count) {
      std::vector<float> piece(count, 1.0f);
      scale_rows(rows, 3, first, piece);
      EXPECT_TRUE(std::equal(piece.begin(), piece.end(), want.begin() + static_cast<std::ptrdiff_t>(first)));
    }
}

}  // namespace
}  // namespace newbie::test
