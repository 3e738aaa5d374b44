#include "core/allocator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "expect_error.h"

namespace newbie {
namespace {

constexpr size_t kSizes[] = {1, 63, 64, 65, 4096, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 40 * 1024 * 1024};

TEST(Allocator, BlocksAreAlignedAndWritable) {
  Allocator allocator;
  for (const size_t size : kSizes) {
    const Buffer buffer = allocator.allocate(size, "a test");
    ASSERT_TRUE(buffer);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % Allocator::kAlignment, 0U) << size;
    std::memset(buffer.data(), 0x5A, size);
    EXPECT_EQ(buffer.as<uint8_t>()[size - 1], 0x5A);
  }
}

TEST(Allocator, CountsWhatIsInUseAndThePeak) {
  Allocator allocator;
  size_t sum = 0;
  {
    std::vector<Buffer> buffers;
    for (const size_t size : kSizes) {
      buffers.push_back(allocator.allocate(size, "a test"));
      sum += size;
      EXPECT_EQ(allocator.in_use_bytes(), sum);
    }
  }
  EXPECT_EQ(allocator.in_use_bytes(), 0U);
  EXPECT_EQ(allocator.peak_bytes(), sum);
  const Buffer small = allocator.allocate(10, "a test");
  EXPECT_EQ(allocator.in_use_bytes(), 10U);
  EXPECT_EQ(allocator.peak_bytes(), sum);
}

TEST(Allocator, ZeroBytesIsAnEmptyBuffer) {
  Allocator allocator;
  const Buffer buffer = allocator.allocate(0, "a test");
  EXPECT_FALSE(buffer);
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(Allocator, MovingKeepsTheAccount) {
  Allocator allocator;
  Buffer a = allocator.allocate(100, "a test");
  std::byte* data = a.data();
  Buffer b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(allocator.in_use_bytes(), 100U);
  b = allocator.allocate(300 * 1024, "a test");
  EXPECT_EQ(b.size(), 300U * 1024);
  b = Buffer();
  EXPECT_EQ(allocator.in_use_bytes(), 0U);
}

TEST(Allocator, ImpossibleSizesAreOverBudget) {
  Allocator allocator;
  EXPECT_ERROR(allocator.allocate(SIZE_MAX, "the moon"), ErrorKind::OverBudget, "for the moon");
  EXPECT_ERROR(allocator.allocate(SIZE_MAX / 2, "the moon"), ErrorKind::OverBudget, "for the moon");
  EXPECT_EQ(allocator.in_use_bytes(), 0U);
}

TEST(Allocator, TheFaultHookSeesEveryCallAndMayRefuse) {
  std::vector<std::pair<size_t, size_t>> seen;
  Allocator allocator([&](size_t sequence, size_t bytes) {
    seen.emplace_back(sequence, bytes);
    return sequence != 1;
  });
  const Buffer first = allocator.allocate(10, "a test");
  EXPECT_ERROR(allocator.allocate(20, "the second"), ErrorKind::OverBudget, "20 bytes for the second");
  const Buffer third = allocator.allocate(1024 * 1024, "a test");
  EXPECT_EQ(seen, (std::vector<std::pair<size_t, size_t>>{{0, 10}, {1, 20}, {2, 1024 * 1024}}));
  EXPECT_EQ(allocator.in_use_bytes(), 10U + 1024 * 1024);
}

TEST(Allocator, CountsAreRightUnderThreads) {
  Allocator allocator;
  ThreadPool pool(4);
  pool.run(2000, [&](int64_t i, int) {
    const Buffer a = allocator.allocate(static_cast<size_t>(i % 97 + 1), "a test");
    const Buffer b = allocator.allocate(256 * 1024 + static_cast<size_t>(i), "a test");
  });
  EXPECT_EQ(allocator.in_use_bytes(), 0U);
  EXPECT_GE(allocator.peak_bytes(), 256U * 1024 + 1999);
}

}  // namespace
}  // namespace newbie
