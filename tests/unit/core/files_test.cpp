#include "core/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/append_file.h"
#include "core/machine.h"
#include "core/mapping_table.h"
#include "expect_error.h"
#include "temporary_folder.h"

namespace newbie {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

std::string get(const fs::path& path) { return read_file(path, SIZE_MAX); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));

// Removes the hook at the end of a test, however it ends.
struct HookGuard {
  explicit HookGuard(FileFaultHook hook) { set_file_fault_hook(std::move(hook)); }
  ~HookGuard() { set_file_fault_hook({}); }
};

TEST(ReadFile, GivesTheWholeFile) {
  const TemporaryFolder folder;
  const std::string text = std::string(300'000, 'a') + std::string(1, '\0') + "end";
  put(folder / "a", text);
  EXPECT_EQ(get(folder / "a"), text);
  put(folder / "empty", "");
  EXPECT_EQ(get(folder / "empty"), "");
  EXPECT_FALSE(read_file("/proc/self/status", 1 << 20).empty());  // tells size 0, has bytes
}

TEST(ReadFile, HoldsTheLimit) {
  const TemporaryFolder folder;
  put(folder / "a", "12345");
  EXPECT_EQ(read_file(folder / "a", 5), "12345");
  EXPECT_ERROR(read_file(folder / "a", 4), ErrorKind::BadFile, "at most 4 bytes");
  EXPECT_ERROR(read_file(folder / "a", 0), ErrorKind::BadFile, "at most 0 bytes");
  EXPECT_ERROR(read_file("/dev/zero", 1 << 20), ErrorKind::BadFile, "at most 1048576 bytes");
}

TEST(ReadFile, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  EXPECT_ERROR(get(folder / "none"), ErrorKind::BadFile, (folder / "none").string());
  EXPECT_ERROR(get(folder / "none"), ErrorKind::BadFile, "No such file");
  EXPECT_ERROR(get(folder.path()), ErrorKind::BadFile, "Is a directory");
  try {
    get(folder / "none");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.hint(), testing::HasSubstr("path"));
  }
}

TEST(MappedFile, ShowsTheBytes) {
  const TemporaryFolder folder;
  put(folder / "a", "hello");
  const MappedFile file(folder / "a");
  EXPECT_EQ(text_of(file), "hello");
  EXPECT_EQ(file.path(), folder / "a");
  file.check_intact();
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  const TemporaryFolder folder;
  put(folder / "a", "");
  const MappedFile file(folder / "a");
  EXPECT_TRUE(file.bytes().empty());
  file.check_intact();
  file.drop_pages(file.bytes());
}

TEST(MappedFile, CopiesWithoutPages) {
  const TemporaryFolder folder;
  constexpr size_t kBytes = size_t{32} << 20;
  put(folder / "a", std::string(kBytes - 1, 'x') + 'y');
  const MappedFile file(folder / "a");
  std::vector<std::byte> copied(kBytes);
  std::ranges::fill(copied, std::byte{1});  // so that its own pages are there
  const size_t before = resident_bytes();
  file.copy(0, copied);
  EXPECT_LT(resident_bytes(), before + kBytes / 2);
  EXPECT_EQ(copied.front(), std::byte{'x'});
  EXPECT_EQ(copied.back(), std::byte{'y'});
  std::vector<std::byte> end(3, std::byte{9});
  file.copy(kBytes - 2, end);
  EXPECT_EQ(end, (std::vector<std::byte>{std::byte{'x'}, std::byte{'y'}, std::byte{0}}));
}

TEST(MappedFile, AStampTellsChanges) {
  const TemporaryFolder folder;
  put(folder / "a", "hello");
  put(folder / "b", "hello");
  fs::last_write_time(folder / "b", fs::last_write_time(folder / "a"));
  const MappedFile file(folder / "a"), other(folder / "b");
  const FileStamp stamp = file.stamp();
  EXPECT_EQ(stamp.bytes, 5u);
  EXPECT_EQ(stamp, MappedFile(folder / "a").stamp());
  EXPECT_NE(stamp, other.stamp()) << "another file of the same size and time";
  fs::last_write_time(folder / "a", fs::last_write_time(folder / "a") + std::chrono::nanoseconds(1));
  EXPECT_NE(stamp, file.stamp());
  EXPECT_EQ(stamp.modified_ns + 1, file.stamp().modified_ns);
}

TEST(MappedFile, LoadedPagesAreResident) {
  const TemporaryFolder folder;
  constexpr size_t kBytes = size_t{32} << 20;
  put(folder / "a", std::string(kBytes, 'x'));
  const MappedFile file(folder / "a");
  const size_t before = resident_bytes();
  file.load_pages(file.bytes());
  // MADV_POPULATE_READ, where it is known; an emulator that takes advice nobody knows follows none.
  auto* const data = const_cast<std::byte*>(file.bytes().data());
  if (::madvise(data, kPage, 22) == 0 && ::madvise(data, kPage, 12345) != 0) {
    EXPECT_GE(resident_bytes(), before + kBytes - (size_t{4} << 20));
  }
  EXPECT_EQ(text_of(file), std::string(kBytes, 'x'));
  // Nothing can be loaded that is gone: no signal, and the file says so.
  fs::resize_file(folder / "a", kPage);
  file.drop_pages(file.bytes());
  file.load_pages(file.bytes());
  EXPECT_ERROR(file.check_intact(), ErrorKind::BadFile, "shrank");
}

TEST(MappedFile, RefusesWhatIsNotARegularFile) {
  const TemporaryFolder folder;
  EXPECT_ERROR(MappedFile(folder / "none"), ErrorKind::BadFile, "No such file");
  EXPECT_ERROR(MappedFile(folder.path()), ErrorKind::BadFile, "got a folder");
  EXPECT_ERROR(MappedFile("/dev/null"), ErrorKind::BadFile, "got a device");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_ERROR(MappedFile(folder / "pipe"), ErrorKind::BadFile, "got a pipe");  // and does not wait for a writer
}

TEST(MappedFile, AShrunkenFileReadsAsZerosAndIsReported) {
  const TemporaryFolder folder;
  const size_t size = 4 * kPage;
  put(folder / "a", std::string(size, 'x'));
  const MappedFile file(folder / "a");
  const MappedFile other(folder / "a");
  fs::resize_file(folder / "a", kPage + 10);
  EXPECT_EQ(text_of(file), std::string(kPage + 10, 'x') + std::string(size - kPage - 10, '\0'));
  EXPECT_ERROR(file.check_intact(), ErrorKind::BadFile, "shrank");
  EXPECT_ERROR(other.check_intact(), ErrorKind::BadFile, "shrank");  // though nothing was read
  // Growing back does not undo the zeros that were read.
  fs::resize_file(folder / "a", size);
  EXPECT_ERROR(file.check_intact(), ErrorKind::BadFile, "could not be read");
  other.check_intact();
}

TEST(MappedFile, AFileCutWithinItsLastPageIsReported) {
  const TemporaryFolder folder;
  put(folder / "a", "0123456789");
  const MappedFile file(folder / "a");
  fs::resize_file(folder / "a", 4);
  EXPECT_EQ(text_of(file), std::string("0123\0\0\0\0\0\0", 10));
  EXPECT_ERROR(file.check_intact(), ErrorKind::BadFile, "expected 10 bytes, got 4");
}

TEST(MappedFile, AReplacedFileStaysAsItWas) {
  const TemporaryFolder folder;
  put(folder / "a", "old text");
  const MappedFile file(folder / "a");
  write_file_atomically(folder / "a", "new");
  EXPECT_EQ(text_of(file), "old text");
  file.check_intact();
}

TEST(MappedFile, ManyThreadsMayReadAShrunkenFile) {
  const TemporaryFolder folder;
  const size_t size = 64 * kPage;
  put(folder / "a", std::string(size, 'x'));
  const MappedFile file(folder / "a");
  fs::resize_file(folder / "a", 0);
  std::vector<std::thread> threads;
  std::vector<size_t> zeros(4);
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back(
        [&, t] { zeros[t] = static_cast<size_t>(std::count(file.bytes().begin(), file.bytes().end(), std::byte{0})); });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(zeros, testing::Each(size));
}

TEST(MappedFile, DroppedPagesCanBeReadAgain) {
  const TemporaryFolder folder;
  std::string text(3 * kPage + 100, ' ');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i / 1000 % 26);
  put(folder / "a", text);
  const MappedFile file(folder / "a");
  EXPECT_EQ(text_of(file), text);
  file.drop_pages(file.bytes());
  file.drop_pages(file.bytes().subspan(10, kPage));  // no whole page inside
  file.drop_pages(file.bytes().subspan(10, 2 * kPage));
  file.drop_pages(std::as_bytes(std::span(text)));  // not of this file: nothing happens
  EXPECT_EQ(text_of(file), text);
  file.check_intact();
}

TEST(MappedFile, TheTableIsFiniteAndRowsComeBack) {
  const TemporaryFolder folder;
  put(folder / "a", "x");
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<MappedFile>> files;
    for (size_t i = 0; i < kMaxMappings; ++i) files.push_back(std::make_unique<MappedFile>(folder / "a"));
    EXPECT_ERROR(MappedFile(folder / "a"), ErrorKind::Unsupported, "256 files");
  }
}

// Death tests run in a new process, so that no handler of ours is installed before the one they set. That process makes
// its own folder and has to remove it before it dies.
class MappedFileDeathTest : public testing::Test {
 protected:
  void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }

  TemporaryFolder folder_;
};

void die_by_a_fault_in_a_foreign_mapping(const fs::path& folder) {
  ::signal(SIGBUS, SIG_DFL);  // a sanitizer has a handler of its own
  put(folder / "a", std::string(2 * kPage, 'x'));
  const MappedFile ours(folder / "a");
  const int descriptor = ::open((folder / "a").c_str(), O_RDONLY);
  const auto* foreign =
      static_cast<const volatile char*>(::mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE, descriptor, 0));
  fs::resize_file(folder / "a", 0);
  fs::remove_all(folder);
  const bool zero = ours.bytes()[kPage] == std::byte{0};
  ::_exit(zero ? foreign[kPage] : 1);
}

// The handler takes care of our mappings only: any other SIGBUS goes where it went before.
TEST_F(MappedFileDeathTest, AForeignFaultStillKills) {
  EXPECT_EXIT(die_by_a_fault_in_a_foreign_mapping(folder_.path()), testing::KilledBySignal(SIGBUS), "");
}

volatile sig_atomic_t foreign_signals = 0;

void count_in_the_handler_before_us(const fs::path& folder) {
  ::signal(SIGBUS, [](int) { foreign_signals = foreign_signals + 1; });
  put(folder / "a", std::string(2 * kPage, 'x'));
  const MappedFile ours(folder / "a");
  fs::resize_file(folder / "a", 0);
  fs::remove_all(folder);
  const bool zero = ours.bytes()[kPage] == std::byte{0};
  ::raise(SIGBUS);
  ::_exit(zero && foreign_signals == 1 ? 0 : 1);
}

TEST_F(MappedFileDeathTest, TheHandlerBeforeOursIsCalled) {
  EXPECT_EXIT(count_in_the_handler_before_us(folder_.path()), testing::ExitedWithCode(0), "");
}

TEST(WriteFile, WritesAndReplaces) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "first");
  EXPECT_EQ(get(folder / "a"), "first");
  const std::string big(5'000'000, 'b');
  write_file_atomically(folder / "a", std::as_bytes(std::span(big)));
  EXPECT_EQ(get(folder / "a"), big);
  write_file_atomically(folder / "a", "");
  EXPECT_EQ(get(folder / "a"), "");
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("a"));
}

TEST(WriteFile, TheModeFollowsTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  write_file_atomically(folder / "a", "x");
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
}

TEST(WriteFile, TakesTheLongestNameAndARelativePath) {
  const TemporaryFolder folder;
  const std::string name(255, 'n');
  write_file_atomically(folder / name, "x");
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre(name));
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write_file_atomically("relative", "y");
  fs::current_path(before);
  EXPECT_EQ(get(folder / "relative"), "y");
}

TEST(WriteFile, FollowsASymbolicLink) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "real");
  put(folder / "real" / "a", "old");
  fs::create_symlink("real/a", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(get(folder / "real" / "a"), "new");
}

TEST(WriteFile, NeverReplacesAFolderOrADevice) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "sub");
  EXPECT_ERROR(write_file_atomically(folder / "sub", "x"), ErrorKind::BadFile, "got a folder");
  EXPECT_ERROR(write_file_atomically("/dev/null", "x"), ErrorKind::BadFile, "got a device");
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("sub"));
}

TEST(WriteFile, SaysThatTheFolderIsMissing) {
  const TemporaryFolder folder;
  try {
    write_file_atomically(folder / "none" / "a", "x");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::BadFile);
    EXPECT_THAT(e.message(), testing::HasSubstr((folder / "none" / "a").string()));
    EXPECT_THAT(e.message(), testing::HasSubstr("No such file"));
    EXPECT_THAT(e.hint(), testing::HasSubstr("folder"));
  }
}

// A real short write: the kernel takes a part and refuses the rest, as on a full disk.
TEST(WriteFile, AShortWriteLeavesNothing) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 4096, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_ERROR(write_file_atomically(folder / "a", std::string(10'000, 'x')), ErrorKind::BadFile, "cannot write");
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(get(folder / "a"), "old");
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("a"));
}

TEST(AppendFile, GrowsAndIsMade) {
  const TemporaryFolder folder;
  append_to_file(folder / "log", "a\n");
  append_to_file(folder / "log", "b\n");
  EXPECT_EQ(get(folder / "log"), "a\nb\n");
  EXPECT_ERROR(append_to_file(folder.path(), "x"), ErrorKind::BadFile, "cannot open");
  EXPECT_ERROR(append_to_file("/dev/null", "x"), ErrorKind::BadFile, "expected a regular file");
  EXPECT_ERROR(append_to_file(folder / "none" / "a", "x"), ErrorKind::BadFile, "No such file");
}

// The kernel takes a part and refuses the rest: what was there stays, and not a byte of the rest.
TEST(AppendFile, AShortWriteIsTakenBack) {
  const TemporaryFolder folder;
  append_to_file(folder / "log", "old\n");
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 4096, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_ERROR(append_to_file(folder / "log", std::string(10'000, 'x')), ErrorKind::BadFile, "cannot write");
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(get(folder / "log"), "old\n");
}

TEST(FaultHook, SeesEveryCallOfAWrite) {
  const TemporaryFolder folder;
  std::vector<std::pair<size_t, std::string>> seen;
  {
    const HookGuard guard([&](size_t sequence, const char* operation) {
      seen.emplace_back(sequence, operation);
      return true;
    });
    write_file_atomically(folder / "a", "x");
  }
  EXPECT_EQ(seen, (std::vector<std::pair<size_t, std::string>>{
                      {0, "open"}, {1, "write"}, {2, "sync"}, {3, "rename"}, {4, "open"}, {5, "sync"}}));
}

// Old file or new file, and nothing beside it, whichever call fails.
TEST(FaultHook, AWriteLeavesNothingWhateverFails) {
  const TemporaryFolder folder;
  size_t failures = 0;
  bool reached = true;  // the call to fail was one of the calls made
  for (size_t n = 0; reached; ++n) {
    write_file_atomically(folder / "a", "old");
    reached = false;
    bool failed = false;
    {
      const HookGuard guard([&](size_t sequence, const char*) {
        if (sequence == n) reached = true;
        return sequence != n;
      });
      try {
        write_file_atomically(folder / "a", "new");
      } catch (const Error& e) {
        failed = true;
        EXPECT_EQ(e.kind(), ErrorKind::BadFile);
        EXPECT_THAT(e.message(), testing::HasSubstr((folder / "a").string()));
      }
    }
    EXPECT_EQ(get(folder / "a"), failed ? "old" : "new") << "call " << n;
    EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("a")) << "call " << n;
    if (failed) ++failures;
  }
  EXPECT_EQ(failures, 4U);  // open, write, sync, rename; the folder's open and sync are best effort
}

// What a killed process has left goes with the next write to the folder; what somebody still writes stays.
TEST(WriteFileAtomically, SweepsWhatDeadProcessesLeft) {
  const TemporaryFolder folder;
  put(folder / ".newbie-1-0.tmp", "left");
  put(folder / ".newbie-notes", "a user's");
  const std::string busy = folder / ".newbie-2-0.tmp";
  const int descriptor = ::open(busy.c_str(), O_WRONLY | O_CREAT, 0666);
  ASSERT_GE(descriptor, 0);
  ASSERT_EQ(::flock(descriptor, LOCK_EX), 0);
  write_file_atomically(folder / "a", std::string_view("text"));
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre(".newbie-2-0.tmp", ".newbie-notes", "a"));
  ::close(descriptor);
}

TEST(WriteFileAtomically, AKilledProcessLeavesNothing) {
  const TemporaryFolder folder;
  put(folder / "a", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(folder / "a");
    file.write(std::as_bytes(std::span(std::string_view("new"))));
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(get(folder / "a"), "old");
  write_file_atomically(folder / "b", std::string_view("text"));  // sweeps where files always have names
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("a", "b"));
}

TEST(FaultHook, AReadFailsWhateverFails) {
  const TemporaryFolder folder;
  put(folder / "a", "text");
  for (size_t n = 0; n < 3; ++n) {  // open, the bytes, the end
    const HookGuard guard([n](size_t sequence, const char*) { return sequence != n; });
    EXPECT_ERROR(get(folder / "a"), ErrorKind::BadFile, "Input/output error");
  }
  for (size_t n = 0; n < 2; ++n) {  // open, map
    const HookGuard guard([n](size_t sequence, const char*) { return sequence != n; });
    EXPECT_ERROR(MappedFile(folder / "a"), ErrorKind::BadFile, "Input/output error");
  }
}

TEST(FaultHook, MayBeSetWhileOthersRead) {
  const TemporaryFolder folder;
  put(folder / "a", "text");
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) EXPECT_EQ(get(folder / "a"), "text");
    });
  std::atomic<size_t> asked = 0;
  for (int i = 0; i < 2000; ++i) {
    const HookGuard guard([&](size_t, const char*) {
      ++asked;
      return true;
    });
  }
  stop = true;
  for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace newbie
