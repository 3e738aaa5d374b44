// Reservations: what is promised to jobs stays within the budget, whatever they share.
#include "generate/engine_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "core/error.h"

namespace newbie::test {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Weights of zeros, none of them where a kernel could use it as it lies.
struct Zeros final : WeightSource {
  std::optional<TensorSpec> find(std::string_view) const override { return TensorSpec{{256, 1024}, DType::F32}; }
  ConstTensorView mapped(std::string_view) const override { return {{{256, 1024}, DType::F32}, nullptr}; }
  void read(std::string_view, DType, std::byte* to) const override { std::memset(to, 0, kMiB); }
};

struct Fixture {
  Zeros source;
  Allocator allocator;
  ThreadPool pool{1};
  EngineMemory memory;

  // So many weights of 1 MiB.
  std::shared_ptr<const LoadedWeights> weights(int count) {
    auto out = std::make_shared<LoadedWeights>(LoadedWeights{nullptr, nullptr, nullptr, WeightBank(source, allocator)});
    std::vector<WeightUse> uses;
    for (int i = 0; i < count; ++i) uses.push_back({std::to_string(i), {{256, 1024}, DType::F32}, {}});
    out->bank.prepare(uses, pool);
    return out;
  }
  EngineMemory::Need need(size_t mib, bool fresh = false, size_t budget = 10) const {
    return {.bytes = mib * kMiB,
            .budget_bytes = budget * kMiB,
            .fresh = fresh,
            .generation = memory.kept().generation,
            .when_full = WhenFull::Refuse};
  }
  std::optional<ErrorKind> refusal(const EngineMemory::Need& need) {
    try {
      memory.reserve(need, {});
    } catch (const Error& e) {
      return e.kind();
    }
    return std::nullopt;
  }
};

TEST(EngineMemory, TheBudgetHoldsForTheSum) {
  Fixture f;
  auto one = f.memory.reserve(f.need(6), {});
  EXPECT_EQ(f.refusal(f.need(5)), ErrorKind::OverBudget);
  auto two = f.memory.reserve(f.need(4), {});
  EXPECT_EQ(f.memory.reserved_bytes(), 10 * kMiB);
  one.reset();
  EXPECT_EQ(f.memory.reserved_bytes(), 4 * kMiB);
  EXPECT_EQ(f.refusal(f.need(6)), std::nullopt);
}

TEST(EngineMemory, KeptWeightsAreCountedOnceHoweverManyUseThem) {
  Fixture f;
  {
    auto loads = f.memory.reserve(f.need(5), {});
    loads->publish(NetworkKind::Dit, f.weights(3));
    EXPECT_EQ(f.memory.reserved_bytes(), 5 * kMiB) << "the job that loaded them counts them";
    auto beside = f.memory.reserve(f.need(5), {});  // 3 of its 5 are those
    EXPECT_EQ(f.memory.reserved_bytes(), 7 * kMiB);
    loads->end(true);
    EXPECT_EQ(f.memory.reserved_bytes(), 5 * kMiB) << "the engine counts them now";
    beside->end(true);
  }
  EXPECT_EQ(f.memory.reserved_bytes(), 3 * kMiB);
  EXPECT_EQ(f.memory.kept().bytes(), 3 * kMiB);
}

TEST(EngineMemory, KeptWeightsGoForAJobThatNeedsTheRoomUnlessSomebodyUsesThem) {
  Fixture f;
  {
    auto loads = f.memory.reserve(f.need(5), {});
    loads->publish(NetworkKind::Dit, f.weights(3));
    loads->end(true);
  }
  auto uses = f.memory.reserve(f.need(4), {});  // 1 beside the weights
  EXPECT_EQ(f.refusal(f.need(8, true)), ErrorKind::OverBudget);
  EXPECT_NE(f.memory.kept().weights[NetworkKind::Dit], nullptr);
  uses->end(true);
  auto large = f.memory.reserve(f.need(10, true), {});
  EXPECT_EQ(f.memory.kept().weights[NetworkKind::Dit], nullptr);
  EXPECT_EQ(f.allocator.in_use_bytes(), 0U);
}

TEST(EngineMemory, WhatChangedIsToBePlannedAgain) {
  Fixture f;
  const EngineMemory::Need early = f.need(5);
  auto loads = f.memory.reserve(f.need(5), {});
  loads->publish(NetworkKind::Decoder, f.weights(1));
  EXPECT_FALSE(f.memory.reserve(early, {}).has_value());
}

TEST(EngineMemory, AFailedJobLeavesNothingButWhatOthersUse) {
  Fixture f;
  auto loads = f.memory.reserve(f.need(5), {});
  loads->publish(NetworkKind::Dit, f.weights(2));
  auto uses = f.memory.reserve(f.need(5), {});
  loads->end(false);
  EXPECT_EQ(f.memory.kept().bytes(), 2 * kMiB);
  uses->end(false);
  EXPECT_EQ(f.memory.kept().bytes(), 0U);
  EXPECT_EQ(f.memory.reserved_bytes(), 0U);
}

// Those that wait are served in the order they came.
TEST(EngineMemory, TheFirstThatWaitsIsTheFirstServed) {
  Fixture f;
  auto running = f.memory.reserve(f.need(8), {});
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int k = 0; k < 3; ++k) {
    threads.emplace_back([&, k] {
      EngineMemory::Need need = f.need(9);
      need.when_full = WhenFull::Wait;
      auto mine = f.memory.reserve(need, {});
      order.push_back(k);  // one at a time: two of 9 do not fit
    });
    while (f.memory.waiting() != static_cast<size_t>(k) + 1) std::this_thread::yield();
  }
  running->end(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

}  // namespace
}  // namespace newbie::test
