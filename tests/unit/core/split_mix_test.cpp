// SplitMix64 against the numbers that its authors' program gives for the seed 1234567.
#include "core/split_mix.h"

#include <gtest/gtest.h>

namespace newbie::test {

TEST(SplitMix, GivesThePublishedSequence) {
  constexpr uint64_t kSeed = 1234567;
  const uint64_t published[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u,
                                16408922859458223821u};
  for (uint64_t i = 0; i < std::size(published); ++i)
    EXPECT_EQ(split_mix(kSeed + i * kSplitMixIncrement), published[i]) << i;
}

}  // namespace newbie::test
