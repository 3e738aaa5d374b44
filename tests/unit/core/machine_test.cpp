// Cgroup limits from made-up roots, and that the numbers of the real machine make sense.
#include "core/machine.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "temporary_folder.h"

namespace newbie {
namespace {

namespace fs = std::filesystem;

class Cgroups : public testing::Test {
 protected:
  void self(std::string_view text) { put(root_ / "proc/self/cgroup", text); }
  void group(const std::string& file, std::string_view text) { put(root_ / "cgroup" / file, text); }
  CgroupLimits limits() const { return read_cgroup_limits(root_ / "proc", root_ / "cgroup"); }

 private:
  static void put(const fs::path& path, std::string_view text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  TemporaryFolder root_;
};

TEST_F(Cgroups, NothingThereIsNoLimit) {
  EXPECT_FALSE(limits().cpus);
  EXPECT_FALSE(limits().memory_bytes);
  EXPECT_FALSE(limits().memory_used_bytes);
}

TEST_F(Cgroups, Version2) {
  self("0::/a/b\n");
  group("a/b/cpu.max", "150000 100000\n");
  group("a/b/memory.max", "1000000\n");
  group("a/b/memory.current", "400000\n");
  EXPECT_EQ(limits().cpus, 1.5);
  EXPECT_EQ(limits().memory_bytes, 1000000U);
  EXPECT_EQ(limits().memory_used_bytes, 400000U);
}

TEST_F(Cgroups, MaxIsNoLimit) {
  self("0::/a\n");
  group("a/cpu.max", "max 100000\n");
  group("a/memory.max", "max\n");
  group("a/memory.current", "400000\n");
  EXPECT_FALSE(limits().cpus);
  EXPECT_FALSE(limits().memory_bytes);
  EXPECT_FALSE(limits().memory_used_bytes);
}

TEST_F(Cgroups, TheSmallestOfAllLevelsHolds) {
  self("0::/a/b/c\n");
  group("a/b/c/cpu.max", "max 100000\n");
  group("a/b/cpu.max", "400000 100000\n");
  group("a/cpu.max", "100000 50000\n");
  group("a/b/c/memory.max", "5000\n");
  group("a/b/memory.max", "3000\n");
  group("a/memory.max", "4000\n");
  EXPECT_EQ(limits().cpus, 2.0);
  EXPECT_EQ(limits().memory_bytes, 3000U);
}

// The parent's other children may have used most of what the parent may use.
TEST_F(Cgroups, UsedMemoryIsThatOfTheLevelWithTheLeastLeft) {
  self("0::/a/b\n");
  group("a/b/memory.max", "1000\n");
  group("a/b/memory.current", "100\n");
  group("a/memory.max", "8000\n");
  group("a/memory.current", "7900\n");
  EXPECT_EQ(limits().memory_bytes, 1000U);
  EXPECT_EQ(limits().memory_used_bytes, 7900U);
}

TEST_F(Cgroups, PageCacheIsNotCountedAsUsed) {
  self("0::/a\n");
  group("a/memory.max", "1000\n");
  group("a/memory.current", "900\n");
  group("a/memory.stat", "anon 200\nfile 700\nactive_file 300\ninactive_file 350\n");
  EXPECT_EQ(limits().memory_used_bytes, 250U);
}

TEST_F(Cgroups, APathOfTheHostFallsBackToTheRoot) {
  self("0::/docker/0123456789abcdef\n");
  group("cpu.max", "300000 100000\n");
  group("memory.max", "7000\n");
  group("memory.current", "10\n");
  EXPECT_EQ(limits().cpus, 3.0);
  EXPECT_EQ(limits().memory_bytes, 7000U);
  EXPECT_EQ(limits().memory_used_bytes, 10U);
}

TEST_F(Cgroups, WithoutProcTheRootIsRead) {
  group("memory.max", "7000\n");
  EXPECT_EQ(limits().memory_bytes, 7000U);
}

TEST_F(Cgroups, APathOutOfTheNamespaceStaysInTheRoot) {
  self("0::/../elsewhere\n");
  group("memory.max", "7000\n");
  group("../elsewhere/memory.max", "1\n");
  EXPECT_EQ(limits().memory_bytes, 7000U);
}

TEST_F(Cgroups, Version1) {
  self("12:memory:/a\n5:cpu,cpuacct:/a/b\n3:cpuset:/a\n1:name=systemd:/a\n");
  group("cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  group("cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  group("cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
  group("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  group("memory/a/memory.limit_in_bytes", "123456\n");
  group("memory/a/memory.usage_in_bytes", "3456\n");
  group("memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 400\ntotal_active_file 56\n");
  group("memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limits().cpus, 2.5);
  EXPECT_EQ(limits().memory_bytes, 123456U);
  EXPECT_EQ(limits().memory_used_bytes, 3000U);
}

TEST_F(Cgroups, Version1InAContainer) {
  self("12:memory:/docker/0123\n5:cpu,cpuacct:/docker/0123\n");
  group("cpu/cpu.cfs_quota_us", "50000\n");
  group("cpu/cpu.cfs_period_us", "100000\n");
  group("memory/memory.limit_in_bytes", "123456\n");
  EXPECT_EQ(limits().cpus, 0.5);
  EXPECT_EQ(limits().memory_bytes, 123456U);
  EXPECT_FALSE(limits().memory_used_bytes);
}

TEST_F(Cgroups, BothVersionsAtOnce) {
  self("4:memory:/\n0::/user\n");
  group("memory/memory.limit_in_bytes", "5000\n");
  group("unified/user/cpu.max", "100000 100000\n");
  EXPECT_EQ(limits().cpus, 1.0);
  EXPECT_EQ(limits().memory_bytes, 5000U);
}

TEST_F(Cgroups, DamagedFilesAreNoLimit) {
  self("garbage\n::\n0:\n0::/a\n:::::\n");
  group("a/cpu.max", "lots of it\n");
  group("a/memory.max", "12 34\n");
  group("a/memory.current", "\n");
  group("cpu.max", "100000 0\n");
  group("memory.max", "99999999999999999999999999\n");
  EXPECT_FALSE(limits().cpus);
  EXPECT_EQ(limits().memory_bytes, 12U);
  EXPECT_FALSE(limits().memory_used_bytes);
}

TEST(Machine, NumbersMakeSense) {
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_LE(usable_cpus(), static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  EXPECT_GT(memory_limit_bytes(), 16U << 20);
  EXPECT_LE(available_memory_bytes(), memory_limit_bytes());
}

TEST(Machine, AddressSpaceIsPartOfWhatIsLeft) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer maps memory of its own meanwhile";
#endif
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  constexpr rlim_t kLimit = rlim_t{1} << 40;
  rlimit limited = before;
  limited.rlim_cur = std::min(before.rlim_max, kLimit);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limited), 0);
  const size_t most = memory_limit_bytes();
  limited.rlim_cur = 1 << 20;  // less than what is mapped already
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limited), 0);
  const size_t least = memory_limit_bytes(), left = available_memory_bytes();
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_GT(most, 16U << 20);
  EXPECT_EQ(least, 1U << 20);
  EXPECT_EQ(left, 0U);
}

TEST(Machine, ResidentBytesFollowWhatIsTouched) {
  const size_t before = resident_bytes();
  EXPECT_GT(before, 0U);
  constexpr size_t kBytes = 64 << 20;
  {
    const std::vector<char> touched(kBytes, 1);
    EXPECT_GE(resident_bytes() + (4 << 20), before + kBytes);
    EXPECT_EQ(touched[kBytes / 2], 1);
  }
  EXPECT_GE(peak_resident_bytes() + (4 << 20), before + kBytes);
  if (!reset_peak_resident()) GTEST_SKIP() << "this system lets nobody reset a peak";
  EXPECT_LT(peak_resident_bytes(), before + kBytes);
}

}  // namespace
}  // namespace newbie
