#include "core/edit_distance.h"

#include <gtest/gtest.h>

namespace newbie {
namespace {

TEST(EditDistance, CountsLettersToInsertDeleteOrReplace) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("same", "same"), 0u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3u);
  EXPECT_EQ(edit_distance("generat", "generate"), 1u);
  EXPECT_EQ(edit_distance("Tag", "tag"), 1u);
}

TEST(EditDistance, ASwapIsOneEditWhereAsked) {
  EXPECT_EQ(edit_distance("paln", "plan"), 2u);
  EXPECT_EQ(edit_distance("paln", "plan", Swapped::OneEdit), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting", Swapped::OneEdit), 3u);
  EXPECT_EQ(edit_distance("ca", "abc", Swapped::OneEdit), 3u) << "no letter is edited twice";
}

}  // namespace
}  // namespace newbie
