// Orders of tags. Case 40: separators of one's own stay, and what is to be kept means tags, not tokens.
#include "train/tags.h"

#include <gmock/gmock.h>

#include <set>

namespace newbie::test {
namespace {

std::multiset<std::string> tags_of(const std::string& caption, const std::string& separator) {
  std::multiset<std::string> out;
  for (size_t at = 0; at <= caption.size();) {
    const size_t end = std::min(caption.find(separator, at), caption.size());
    out.insert(caption.substr(at, end - at));
    at = end + separator.size();
  }
  return out;
}

constexpr const char* kCaption = "1girl, solo, blue hair, smile, hat, river, night";

}  // namespace

TEST(Tags, TheFirstOrderIsTheCaption) {
  EXPECT_EQ(tags_in_order(kCaption, {.orders = 4}, 1, 0), kCaption);
  EXPECT_EQ(tags_in_order(" a,b ,c ", {.orders = 4}, 1, 0), " a,b ,c ");
}

TEST(Tags, OrdersHaveTheSameTags) {
  std::set<std::string> seen;
  for (int64_t order = 0; order < 50; ++order) {
    const std::string shuffled = tags_in_order(kCaption, {.orders = 50}, 1, order);
    EXPECT_EQ(tags_of(shuffled, ", "), tags_of(kCaption, ", "));
    EXPECT_EQ(shuffled, tags_in_order(kCaption, {.orders = 50}, 1, order));
    seen.insert(shuffled);
  }
  EXPECT_GT(seen.size(), 45U);  // of 5040
  EXPECT_NE(tags_in_order(kCaption, {}, 1, 1), tags_in_order(kCaption, {}, 2, 1));
}

TEST(Tags, KeptOnesStayInFront) {
  std::set<char> third;
  for (int64_t order = 0; order < 40; ++order) {
    const std::string shuffled = tags_in_order(kCaption, {.keep = 2}, 7, order);
    EXPECT_THAT(shuffled, testing::StartsWith("1girl, solo, "));
    third.insert(shuffled.at(13));
  }
  EXPECT_EQ(third, (std::set<char>{'b', 's', 'h', 'r', 'n'}));  // all that are not kept come there
  EXPECT_EQ(tags_in_order(kCaption, {.keep = 100}, 7, 3), kCaption);
}

TEST(Tags, AnotherSeparatorStays) {
  const std::string caption = "a b; c, d; e; f";
  for (int64_t order = 0; order < 20; ++order)
    EXPECT_EQ(tags_of(tags_in_order(caption, {.separator = ";"}, 3, order), "; "), tags_of(caption, "; "));
  EXPECT_THAT(tags_in_order("a;b;c", {.separator = ";"}, 3, 1), testing::Not(testing::HasSubstr(" ")));
}

TEST(Tags, WhatStandsBeforeTheKeptSeparatorStays) {
  const std::string caption = "1girl, name ||| hat, river, night, smile";
  for (int64_t order = 0; order < 20; ++order) {
    const std::string shuffled = tags_in_order(caption, {.kept_separator = "|||"}, 3, order);
    EXPECT_THAT(shuffled, testing::StartsWith("1girl, name ||| "));
    EXPECT_EQ(tags_of(shuffled.substr(16), ", "), tags_of(caption.substr(16), ", "));
  }
}

TEST(Tags, XmlIsAsItIs) {
  const std::string xml = "<general_tags><count>1girl, solo</count></general_tags>";
  for (int64_t order = 0; order < 5; ++order) EXPECT_EQ(tags_in_order(xml, {}, 3, order), xml);
}

TEST(Tags, NothingToShuffle) {
  for (const char* caption : {"", " ", ",", "a", "a,", ",,,"})
    EXPECT_EQ(tags_of(tags_in_order(caption, {}, 3, 1), ",").count("a"), tags_of(caption, ",").count("a")) << caption;
}

}  // namespace newbie::test
