// Laws of the arena plan, on random lifetimes and on the lifetimes of a network of repeated blocks.
#include "backend/memory_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/checked.h"

namespace newbie::test {

namespace {

// Live bytes at their largest moment: no plan can be smaller.
size_t live_maximum(const std::vector<ArenaBlock>& blocks) {
  size_t most = 0;
  for (const ArenaBlock& at : blocks) {  // the maximum is reached where some block begins
    size_t live = 0;
    for (const ArenaBlock& b : blocks)
      if (b.first_step <= at.first_step && at.first_step <= b.last_step) live += round_up(b.bytes, 64);
    most = std::max(most, live);
  }
  return most;
}

void expect_laws(const std::vector<ArenaBlock>& blocks, size_t arena) {
  size_t end = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const ArenaBlock& a = blocks[i];
    EXPECT_EQ(a.offset % 64, 0u);
    end = std::max(end, a.offset + round_up(a.bytes, 64));
    for (size_t j = 0; j < i; ++j) {
      const ArenaBlock& b = blocks[j];
      const bool meet = a.first_step <= b.last_step && b.first_step <= a.last_step;
      const bool share = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_FALSE(meet && share) << "blocks " << i << " and " << j;
    }
  }
  EXPECT_EQ(arena, end);
  EXPECT_GE(arena, live_maximum(blocks));
}

}  // namespace

TEST(MemoryPlanner, RandomLifetimesNeverOverlap) {
  std::mt19937 engine(7);
  const auto random = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine); };
  double excess = 0, worst = 0;
  constexpr int kPlans = 200;
  for (int plan = 0; plan < kPlans; ++plan) {
    std::vector<ArenaBlock> blocks(static_cast<size_t>(random(1, 120)));
    const int steps = random(1, 100), longest = random(1, 30);
    for (ArenaBlock& b : blocks) {
      b.bytes = static_cast<size_t>(random(0, 3) == 0 ? random(0, 200) : random(0, 100000));
      b.first_step = random(0, steps);
      b.last_step = b.first_step + random(0, longest);
    }
    const size_t arena = plan_arena(blocks);
    expect_laws(blocks, arena);
    if (const size_t live = live_maximum(blocks); live != 0) {
      const double ratio = static_cast<double>(arena) / static_cast<double>(live);
      excess += (ratio - 1.0) / kPlans;
      worst = std::max(worst, ratio);
    }
  }
  RecordProperty("mean_excess_percent", std::to_string(100.0 * excess));
  RecordProperty("worst_ratio", std::to_string(worst));
}

TEST(MemoryPlanner, NothingNeedsNothing) {
  std::vector<ArenaBlock> none;
  EXPECT_EQ(plan_arena(none), 0u);
  std::vector<ArenaBlock> empty{{.bytes = 0}};
  EXPECT_EQ(plan_arena(empty), 0u);
}

TEST(MemoryPlanner, OneByteTakesOneLine) {
  std::vector<ArenaBlock> blocks{{.bytes = 1, .first_step = 0, .last_step = 1},
                                 {.bytes = 1, .first_step = 1, .last_step = 2}};
  EXPECT_EQ(plan_arena(blocks), 128u);
}

TEST(MemoryPlanner, RepeatedBlocksNeedNoMoreThanOne) {
  // A residual stream beside q, k, v, the attention's result and a feed-forward of four times the width.
  const auto network = [](int layers) {
    std::vector<ArenaBlock> blocks;
    int step = 0;
    const size_t width = 64 * 100;
    blocks.push_back({width, step, step});
    for (int layer = 0; layer < layers; ++layer) {
      const auto make = [&](size_t bytes, int reads_after) {
        ++step;
        blocks.push_back({bytes, step, step + reads_after});
      };
      make(width, 1);      // normed
      make(3 * width, 1);  // qkv
      make(width, 1);      // attention
      make(width, 1);      // projected
      make(width, 1);      // normed
      make(4 * width, 2);  // gate
      make(4 * width, 1);  // up
      make(4 * width, 1);  // product
      make(width, 1);      // down
      blocks[0].last_step = step + 1;
    }
    return blocks;
  };
  std::vector<ArenaBlock> one = network(1), many = network(36);
  const size_t arena_one = plan_arena(one), arena_many = plan_arena(many);
  expect_laws(many, arena_many);
  EXPECT_EQ(arena_many, arena_one);
  EXPECT_EQ(arena_many, live_maximum(many));
}

}  // namespace newbie::test
