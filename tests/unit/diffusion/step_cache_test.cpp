#include "diffusion/step_cache.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

namespace newbie {
namespace {

using Floats = std::vector<float>;
using testing::ElementsAre;

TEST(StepCache, ChangeIsRelativeToWhatWasThere) {
  EXPECT_DOUBLE_EQ(relative_change(Floats{1, -2, 3}, Floats{1, -1, 2}), 0.5);
  EXPECT_DOUBLE_EQ(relative_change(Floats{0, 0}, Floats{0, 0}), 0);
  EXPECT_TRUE(std::isinf(relative_change(Floats{0, 1}, Floats{0, 0})));
}

TEST(StepCache, ReusesWhatTheOtherLayersAdded) {
  Floats memory(StepCache::memory_floats(CacheMode::FirstBlock, 2));
  StepCache cache({CacheMode::FirstBlock, 0.1}, 2, memory);
  Floats first{10, 20};
  EXPECT_FALSE(cache.stands_in(0.0, first)) << "nothing is known yet";
  cache.remember(0.0, Floats{10, 20}, Floats{11, 18});
  first = {10, 21};
  EXPECT_TRUE(cache.stands_in(0.1, first));
  EXPECT_THAT(first, ElementsAre(11, 19));
  first = {14, 20};
  EXPECT_FALSE(cache.stands_in(0.2, first)) << "compared with the last whole pass";
  EXPECT_THAT(first, ElementsAre(14, 20)) << "left as it is";
}

TEST(StepCache, LinearGoesOnAsBetweenTheLastTwoWholePasses) {
  Floats memory(StepCache::memory_floats(CacheMode::Linear, 1));
  StepCache cache({CacheMode::Linear, 1.0}, 1, memory);
  Floats first{10};
  cache.remember(0.0, Floats{10}, Floats{12});
  EXPECT_FALSE(cache.stands_in(0.1, first)) << "one pass has no direction";
  cache.remember(0.2, Floats{10}, Floats{13});
  EXPECT_TRUE(cache.stands_in(0.4, first));
  EXPECT_FLOAT_EQ(first[0], 14);
  first = {10};
  EXPECT_TRUE(cache.stands_in(0.2, first));
  EXPECT_FLOAT_EQ(first[0], 13);
  cache.remember(0.2, Floats{10}, Floats{20});  // twice at one time: no direction either
  first = {10};
  EXPECT_TRUE(cache.stands_in(0.5, first));
  EXPECT_FLOAT_EQ(first[0], 20);
}

TEST(StepCache, AThresholdOfZeroLeavesNothingOut) {
  Floats memory(StepCache::memory_floats(CacheMode::FirstBlock, 1));
  StepCache cache({CacheMode::FirstBlock, 0.0}, 1, memory);
  cache.remember(0.0, Floats{1}, Floats{2});
  Floats first{1};
  EXPECT_FALSE(cache.stands_in(0.1, first));
}

}  // namespace
}  // namespace newbie
