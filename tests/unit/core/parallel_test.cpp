#include "core/parallel.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/error.h"
#include "expect_error.h"

namespace newbie {
namespace {

class ThreadPoolOf : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolOf, testing::Values(1, 2, 7));

TEST_P(ThreadPoolOf, VisitsEveryIndexOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.size(), GetParam());
  for (const int64_t count : {0, 1, 2, 7, 100, 10'000}) {
    std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
    std::atomic<bool> in_range = true;
    pool.run(count, [&](int64_t index, int worker) {
      ++visits.at(static_cast<size_t>(index));
      if (worker < 0 || worker >= pool.size()) in_range = false;
    });
    for (const auto& v : visits) ASSERT_EQ(v, 1);
    EXPECT_TRUE(in_range);
  }
}

// A worker's number names its scratch: no two tasks may hold the same one at the same time.
TEST_P(ThreadPoolOf, AWorkerNumberIsHeldByOneThreadAtATime) {
  ThreadPool pool(GetParam());
  std::vector<std::atomic<int>> held(static_cast<size_t>(pool.size()));
  std::atomic<int> clashes = 0;
  pool.run(20'000, [&](int64_t, int worker) {
    auto& mine = held.at(static_cast<size_t>(worker));
    if (++mine != 1) ++clashes;
    --mine;
  });
  EXPECT_EQ(clashes, 0);
}

TEST_P(ThreadPoolOf, ManyShortRunsAllFinish) {
  ThreadPool pool(GetParam());
  std::atomic<int64_t> sum = 0;
  int64_t expected = 0;
  for (int run = 0; run < 2000; ++run) {
    const int64_t count = run % 9;
    pool.run(count, [&](int64_t index, int) { sum += index + 1; });
    expected += count * (count + 1) / 2;
  }
  EXPECT_EQ(sum, expected);
}

// Callers take turns: each has every worker number to itself, one call after the other.
TEST_P(ThreadPoolOf, ServesSeveralCallersInTurns) {
  ThreadPool pool(GetParam());
  constexpr int kCallers = 3, kRuns = 300, kTasks = 20;
  std::vector<std::thread> callers;
  std::vector<int64_t> sums(kCallers, 0), wrong(kCallers, 0);
  for (size_t caller = 0; caller < kCallers; ++caller)
    callers.emplace_back([&, caller] {
      // A plain number a worker: two calls of this caller, or two tasks of one call, never share it.
      std::vector<int64_t> of_worker(static_cast<size_t>(pool.size()));
      for (int run = 0; run < kRuns; ++run) try {
          pool.run(kTasks, [&](int64_t index, int worker) {
            of_worker[static_cast<size_t>(worker)] += index;
            if (run % 50 == 49 && index == kTasks - 1) throw static_cast<int>(caller);
          });
        } catch (int thrown) {
          if (thrown != static_cast<int>(caller) || run % 50 != 49) ++wrong[caller];
        }
      for (const int64_t sum : of_worker) sums[caller] += sum;
    });
  for (std::thread& caller : callers) caller.join();
  for (size_t caller = 0; caller < kCallers; ++caller) {
    EXPECT_EQ(sums[caller], int64_t{kRuns} * kTasks * (kTasks - 1) / 2);
    EXPECT_EQ(wrong[caller], 0);
  }
}

TEST_P(ThreadPoolOf, RethrowsAndWorksOnAfterwards) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(pool.run(100,
                          [](int64_t index, int) {
                            if (index == 17) throw std::runtime_error("seventeen");
                          }),
                 std::runtime_error);
    EXPECT_THROW(pool.run(3, [](int64_t, int) { throw std::runtime_error("all of them"); }), std::runtime_error);
    std::atomic<int> done = 0;
    pool.run(10, [&](int64_t, int) { ++done; });
    EXPECT_EQ(done, 10);
  }
}

TEST_P(ThreadPoolOf, ComesAndGoes) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(GetParam());
    if (i % 2 == 0) pool.run(3, [](int64_t, int) {});
  }
}

TEST(ThreadPool, NegativeCountsAreNoWork) {
  ThreadPool pool(2);
  pool.run(-5, [](int64_t, int) { FAIL(); });
}

TEST(ThreadPool, NeedsAtLeastOneThreadAndAtMostItsLimit) {
  EXPECT_ERROR(ThreadPool(0), ErrorKind::InvalidRequest, "between 1 and 1024");
  EXPECT_ERROR(ThreadPool(ThreadPool::kMaxThreads + 1), ErrorKind::InvalidRequest, "between 1 and 1024");
}

// The sanitizers write down what lies on a stack, and would do so for the huge ones that make threads fail here.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(ThreadPool, EndsTheThreadsItHasWhenTheSystemGivesNoMore) {
  pthread_attr_t usual, huge;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  // A few such stacks fit into 47 bits of address space, then no more.
  for (const size_t stack : {size_t{1} << 44, size_t{1} << 48}) {
    ASSERT_EQ(pthread_attr_setstacksize(&huge, stack), 0);
    ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
    EXPECT_ERROR(ThreadPool(64), ErrorKind::OverBudget, "of 64");
    ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  }
  ThreadPool after(3);
  std::atomic<int> done = 0;
  after.run(10, [&](int64_t, int) { ++done; });
  EXPECT_EQ(done, 10);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&usual);
}
#endif

}  // namespace
}  // namespace newbie
