// Failures of the ordinary heap and of the system's pages: what `operator new`, posix_memalign or mmap refuses,
// anywhere in a run and in any library that uses it, becomes an Error, and the next run draws the same bytes. The
// allocator of tensors is in faults_test.cpp.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>

#include "generate/text_to_image.h"
#include "support/golden.h"

namespace {

// The call to fail, counted down; below zero none does.
std::atomic<int64_t> calls_left{-1};
std::atomic<int64_t> calls{0};

void* take(size_t bytes, size_t alignment) {
  calls.fetch_add(1, std::memory_order_relaxed);
  if (calls_left.load(std::memory_order_relaxed) >= 0 && calls_left.fetch_sub(1) == 0) return nullptr;
  const size_t size = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  return alignment <= alignof(std::max_align_t) ? std::malloc(size) : std::aligned_alloc(alignment, size);
}
void* take_or_throw(size_t bytes, size_t alignment) {
  if (void* out = take(bytes, alignment)) return out;
  throw std::bad_alloc();
}

// The same for what C libraries ask of the system. With `from_then_on` all after it fail, too.
std::atomic<int64_t> pages_left{-1};
std::atomic<int64_t> pages_asked{0};
std::atomic<bool> from_then_on{false};

bool pages_are_refused() {
  pages_asked.fetch_add(1, std::memory_order_relaxed);
  if (pages_left.load(std::memory_order_relaxed) < 0) return false;
  if (pages_left.load(std::memory_order_relaxed) == 0 && from_then_on) return true;
  return pages_left.fetch_sub(1) == 0;
}

}  // namespace

#ifndef __SANITIZE_ADDRESS__  // which has its own of these
extern "C" void* mmap(void* address, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  if (pages_are_refused()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  // NOLINTNEXTLINE: the system call's result is an address
  return reinterpret_cast<void*>(::syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}

extern "C" int posix_memalign(void** out, size_t alignment, size_t bytes) noexcept {
  if (pages_are_refused()) return ENOMEM;
  *out = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  return *out == nullptr ? ENOMEM : 0;
}
#endif

// GCC inlines one half of a pair and then takes the other for a mismatch.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

// All forms, because a sanitizer brings some of its own: those would not go with these.
void* operator new(size_t bytes) { return take_or_throw(bytes, 1); }
void* operator new[](size_t bytes) { return take_or_throw(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t a) { return take_or_throw(bytes, static_cast<size_t>(a)); }
void* operator new[](size_t bytes, std::align_val_t a) { return take_or_throw(bytes, static_cast<size_t>(a)); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, 1); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace newbie::test {
namespace {

// What is asked for is made once: no call of the test's own is among those that fail.
const GenerateRequest kRequest = [] {
  GenerateRequest r;
  r.prompt = "<character_1><n>mei</n></character_1>";
  r.width = r.height = 16;
  r.sampler = "euler";
  r.sigmas = {1.0, 0.0};  // one evaluation
  r.seed = 11;
  return r;
}();
const ModelPaths kModel{.folder = avatar_path()};

TextToImage open() { return TextToImage::open(kModel, {.threads = 2}, silent_log()); }

Image draw(TextToImage& engine) {
  Image out;
  RunObserver progress;
  engine.generate(kRequest, progress, {}, [&](GeneratedImage g) { out = std::move(g.image); });
  return out;
}

// Runs `work` with its n-th call refused. True when it went on as if nothing had been: the caller of that call did not
// need it. Otherwise it must have told that memory ran out.
template <typename Work>
bool survives(int64_t n, Work work) {
  calls_left = n;
  try {
    work();
    calls_left = -1;
    return true;
  } catch (const Error& e) {
    calls_left = -1;
    EXPECT_EQ(e.kind(), ErrorKind::OverBudget) << "call " << n << ": " << e.what();
  } catch (const std::bad_alloc&) {
    calls_left = -1;
    ADD_FAILURE() << "call " << n << " came out as std::bad_alloc";
  }
  return false;
}

template <typename Work>
int64_t calls_of(Work work) {
  const int64_t before = calls;
  work();
  return calls - before;
}

// NEWBIE_FAULT_STEP sets which share of the calls is tried: 1 is every one and takes an hour.
int64_t step(int64_t otherwise) {
  const char* given = std::getenv("NEWBIE_FAULT_STEP");
  return given == nullptr ? otherwise : std::max<int64_t>(1, std::atoll(given));
}

TEST(HeapFaults, CallsOfARunMayFail) {
  TextToImage engine = open();
  const Image want = draw(engine);
  const int64_t count = calls_of([&] { draw(engine); });
  RecordProperty("calls", static_cast<int>(count));
  int64_t failed = 0, tried = 0;
  for (int64_t n = 0; n < count; n += step(211), ++tried) {
    failed += !survives(n, [&] { draw(engine); });
    if (tried % 8 == 0) {
      ASSERT_EQ(draw(engine), want) << "after call " << n;
    }
  }
  EXPECT_EQ(draw(engine), want);
  EXPECT_GT(failed, tried / 2);
  RecordProperty("failed", static_cast<int>(failed));
}

// A new engine each time, because what oneDNN compiled stays compiled. oneDNN itself looks at nothing it was given
// (backend/cpu/onednn/reserve.h): a refusal inside of it is served from the reserve or is an Error before it, no
// signal.
TEST(HeapFaults, PagesOfTheSystemMayFail) {
  const auto draw_anew = [] {
    TextToImage engine = open();
    return draw(engine);
  };
  const Image want = draw_anew();
  const int64_t before = pages_asked;
  draw_anew();
  const int64_t count = pages_asked - before;
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer has its own mmap";
#endif
  ASSERT_GT(count, 100);
  int64_t failed = 0;
  for (const bool on : {false, true})
    for (int64_t n = 0; n < count; n += step(count / 16 + 1)) {
      from_then_on = on;
      pages_left = n;
      try {
        const Image got = draw_anew();
        pages_left = -1;
        EXPECT_EQ(got, want) << "call " << n;
      } catch (const Error& e) {
        pages_left = -1;
        ++failed;
        EXPECT_EQ(e.kind(), ErrorKind::OverBudget) << "call " << n << ": " << e.what();
      }
    }
  EXPECT_GT(failed, 8) << "of 16 beginnings of a shortage";
  EXPECT_EQ(draw_anew(), want);
}

}  // namespace
}  // namespace newbie::test
