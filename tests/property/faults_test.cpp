// Failures at every point of a small run: each is an Error of the right kind, leaves no partial file, and the next run
// draws the same bytes. The asan preset runs this too, so that no failure leaks.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <new>
#include <optional>
#include <stdexcept>

#include "core/files.h"
#include "generate/metadata.h"
#include "generate/text_to_image.h"
#include "image/png.h"
#include "support/golden.h"
#include "unit/core/temporary_folder.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

GenerateRequest small_request() {
  GenerateRequest r;
  r.prompt = "<character_1><n>mei</n></character_1>";
  r.width = r.height = 16;
  r.sampler = "euler";
  r.sigmas = {1.0, 0.5, 0.0};  // two evaluations
  r.seed = 11;
  return r;
}

TextToImage open(Allocator::FaultHook hook = {}) {
  return TextToImage::open({.folder = avatar_path()}, {.threads = 2, .allocation_fault = std::move(hook)},
                           silent_log());
}

// All networks of a model at work: from a picture, with a second pass.
GenerateRequest hires_request() {
  GenerateRequest r = small_request();
  r.init_image = Image{16, 16, 3, std::vector<uint8_t>(16 * 16 * 3, 90)};
  r.hires_scale = 2.0;
  r.hires_steps = 4;
  return r;
}

std::vector<std::byte> draw(TextToImage& engine, const GenerateRequest& request = small_request()) {
  std::vector<std::byte> png;
  RunObserver progress;
  engine.generate(request, progress, {}, [&](GeneratedImage g) {
    const TextChunk texts[] = {{"parameters", g.parameters}, {kRequestKey, g.request_json}};
    png = encode_png(g.image, texts);
  });
  return png;
}

// What `work` threw; nothing when it succeeded. Other exceptions than Error fail the test.
template <typename Work>
std::optional<ErrorKind> failure_of(Work work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& e) {
    return e.kind();
  }
}

// Makes one call fail, counted from the last arm().
struct Fault {
  static constexpr size_t kNever = SIZE_MAX;
  size_t at = kNever, calls = 0;

  void arm(size_t n) {
    at = n;
    calls = 0;
  }
  bool allows() { return calls++ != at; }
};

TEST(Faults, EveryAllocationOfARunMayFail) {
  Fault fault;
  TextToImage engine = open([&](size_t, size_t) { return fault.allows(); });
  const size_t planned = engine.plan(small_request()).allocated_peak_bytes();
  fault.arm(Fault::kNever);
  const std::vector<std::byte> want = draw(engine);
  const size_t cold_allocations = fault.calls;
  fault.arm(Fault::kNever);
  EXPECT_EQ(draw(engine), want);
  const size_t warm_allocations = fault.calls;
  ASSERT_GT(cold_allocations, warm_allocations) << "a second run finds the transformer loaded";
  ASSERT_GT(warm_allocations, 4U);
  RecordProperty("cold_allocations", static_cast<int>(cold_allocations));
  RecordProperty("warm_allocations", static_cast<int>(warm_allocations));

  const auto fails_at = [&](size_t n) {
    fault.arm(n);
    EXPECT_EQ(failure_of([&] { draw(engine); }), ErrorKind::OverBudget) << "allocation " << n;
    fault.arm(Fault::kNever);
    EXPECT_EQ(engine.plan(small_request()).allocated_peak_bytes(), planned) << "something stayed loaded after " << n;
  };
  for (size_t n = 0; n < cold_allocations; ++n) {
    fails_at(0);  // whatever was loaded is not any more
    fails_at(n);
    ASSERT_EQ(draw(engine), want) << "after allocation " << n << " of a first run failed";
    if (n >= warm_allocations) continue;
    fails_at(n);
    if (n % 8 != 0) continue;
    ASSERT_EQ(draw(engine), want) << "after allocation " << n << " of a second run failed";
  }
  TextToImage fresh = open();
  EXPECT_EQ(draw(fresh), want);
}

// The same where networks come and go during a run; every seventh, because the parts are those of above.
TEST(Faults, AllocationsOfARunWithAPictureAndTwoPassesMayFail) {
  Fault fault;
  TextToImage engine = open([&](size_t, size_t) { return fault.allows(); });
  const GenerateRequest request = hires_request();
  const size_t planned = engine.plan(request).allocated_peak_bytes();
  fault.arm(Fault::kNever);
  const std::vector<std::byte> want = draw(engine, request);
  const size_t allocations = fault.calls;
  RecordProperty("allocations", static_cast<int>(allocations));
  for (size_t n = 0; n < allocations; n += 7) {
    fault.arm(0);
    EXPECT_EQ(failure_of([&] { draw(engine, request); }), ErrorKind::OverBudget);
    fault.arm(n);
    EXPECT_EQ(failure_of([&] { draw(engine, request); }), ErrorKind::OverBudget) << "allocation " << n;
    fault.arm(Fault::kNever);
    EXPECT_EQ(engine.plan(request).allocated_peak_bytes(), planned) << "something stayed loaded after " << n;
    if (n % 4 == 0) {
      ASSERT_EQ(draw(engine, request), want) << "after allocation " << n;
    }
  }
}

// Opening the model, drawing and writing the picture: over an older one (true), or under a new name.
class FileFaults : public testing::TestWithParam<bool> {};

TEST_P(FileFaults, EveryOperationOfARunMayFail) {
  struct HookRemover {
    ~HookRemover() { set_file_fault_hook({}); }
  } remover;
  TextToImage whole = open();
  const std::vector<std::byte> want = draw(whole);
  const std::string want_text(reinterpret_cast<const char*>(want.data()), want.size());
  const std::string old_text = "an older picture";

  const bool over_old = GetParam();
  size_t n = 0, failures = 0;
  for (bool reached_the_end = false; !reached_the_end; ++n) {
    const TemporaryFolder folder;
    const fs::path path = folder / "picture.png";
    if (over_old) write_file_atomically(path, old_text);
    Fault fault;
    fault.arm(n);
    std::optional<TextToImage> engine;
    set_file_fault_hook([&](size_t, const char*) { return fault.allows(); });
    const auto failure = failure_of([&] {
      engine.emplace(open());
      write_file_atomically(path, draw(*engine));
    });
    set_file_fault_hook({});
    reached_the_end = fault.calls <= n;

    size_t files = 0;
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      ++files;
      EXPECT_EQ(entry.path(), path) << "left behind by operation " << n;
    }
    if (failure) {
      ++failures;
      EXPECT_EQ(failure, ErrorKind::BadFile) << "operation " << n;
      EXPECT_EQ(files, over_old ? 1U : 0U) << "operation " << n;
      if (over_old) {
        EXPECT_EQ(read_file(path, 1 << 20), old_text) << "operation " << n;
      }
    } else {
      EXPECT_EQ(read_file(path, 1 << 20), want_text) << "operation " << n;
    }
    if (engine) {
      EXPECT_EQ(draw(*engine), want) << "after operation " << n << " failed";
    }
  }
  EXPECT_GT(failures, 10U);
  RecordProperty("operations", static_cast<int>(n - 1));
  TextToImage fresh = open();
  EXPECT_EQ(draw(fresh), want);
}

INSTANTIATE_TEST_SUITE_P(Over, FileFaults, testing::Bool(),
                         [](const auto& which) { return which.param ? "OldPicture" : "Nothing"; });

TEST(Faults, WhatTheStandardLibraryThrowsBecomesAnError) {
  TextToImage engine = open();
  const std::vector<std::byte> want = draw(engine);
  const auto kind_of = [&](auto exception) {
    RunObserver progress;
    return failure_of(
        [&] { engine.generate(small_request(), progress, {}, [&](GeneratedImage) { throw exception; }); });
  };
  EXPECT_EQ(kind_of(std::bad_alloc()), ErrorKind::OverBudget);
  EXPECT_EQ(kind_of(std::bad_array_new_length()), ErrorKind::OverBudget);
  EXPECT_EQ(kind_of(std::length_error("vector::reserve")), ErrorKind::InvalidRequest);
  EXPECT_EQ(kind_of(fs::filesystem_error("status", std::make_error_code(std::errc::io_error))), ErrorKind::BadFile);
  EXPECT_EQ(kind_of(Error(ErrorKind::Unsupported, "a caller's own")), ErrorKind::Unsupported);
  EXPECT_THROW(kind_of(std::runtime_error("a caller's own")), std::runtime_error);
  EXPECT_EQ(draw(engine), want);
}

// Stopped at any evaluation, and in the decoder: the loaded transformer is kept, and the plan stays true.
TEST(Faults, AStoppedRunLeavesAGoodEngine) {
  TextToImage engine = open();
  const std::vector<std::byte> want = draw(engine);
  for (int stop_at = 0; stop_at <= 3; ++stop_at) {
    std::atomic<bool> stopped = false;
    struct Stopper : RunObserver {
      std::atomic<bool>& flag;
      int left;
      Stopper(std::atomic<bool>& f, int n) : flag(f), left(n) {}
      void tick() {
        if (left-- == 0) flag = true;
      }
      void on_stage(const RunPlace& at) override {
        if (at.stage == StageKind::FirstPass || at.stage == StageKind::Decode) tick();
      }
      void on_step(const RunPlace&, double) override { tick(); }
    } stopper(stopped, stop_at);
    const auto failure =
        failure_of([&] { engine.generate(small_request(), stopper, StopToken(&stopped), [](GeneratedImage) {}); });
    EXPECT_EQ(failure, ErrorKind::Cancelled) << stop_at;
    const size_t planned = engine.plan(small_request()).allocated_peak_bytes();
    RunObserver progress;
    EXPECT_EQ(engine.generate(small_request(), progress, {}, [](GeneratedImage) {}).allocated_peak_bytes, planned);
    EXPECT_EQ(draw(engine), want);
  }
}

}  // namespace
}  // namespace newbie::test
