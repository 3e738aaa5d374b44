// Many jobs of one engine: each draws what it draws alone, plans wait for nobody, and the budget holds for the sum.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/error.h"
#include "generate/text_to_image.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

GenerateRequest request_of(int64_t width, int64_t height, const char* prompt = "1girl, blue_hair") {
  GenerateRequest r;
  r.prompt = prompt;
  r.width = width;
  r.height = height;
  r.sampler = "euler";
  r.steps = 2;
  return r;
}

TextToImage open_engine(size_t budget = 0, PrecisionRequest precision = PrecisionRequest::BF16) {
  return TextToImage::open({.folder = avatar_path()},
                           {.threads = 2, .memory_budget_bytes = budget, .precision = precision}, silent_log());
}

// Does something once, in the middle of a drawing.
struct InTheMiddle final : RunObserver {
  explicit InTheMiddle(std::function<void()> w) : work(std::move(w)) {}
  std::function<void()> work;
  void on_step(const RunPlace& at, double) override {
    if (at.evaluation == 1 && at.picture == 0) work();
  }
};

std::vector<Image> draw(Job& job, RunObserver& observer) {
  std::vector<Image> out;
  job.run(observer, {}, [&](GeneratedImage g) { out.push_back(std::move(g.image)); });
  return out;
}

std::vector<Image> draw(Job& job) {
  RunObserver quiet;
  return draw(job, quiet);
}

std::vector<Image> drawn_alone(const GenerateRequest& request) {
  TextToImage engine = open_engine();
  Job job = engine.prepare(request);
  return draw(job);
}

TEST(Jobs, ThePlanThatIsShownIsTheOneThatRuns) {
  TextToImage engine = open_engine();
  Job job = engine.prepare(request_of(64, 96));
  const MemoryPlan shown = job.plan();
  RunObserver quiet;
  for (int again = 0; again < 2; ++again) {
    const GenerateResult result = job.run(quiet, {}, [](GeneratedImage) {});
    EXPECT_EQ(result.allocated_peak_bytes, result.plan.allocated_peak_bytes());
    if (again == 0) {
      EXPECT_EQ(result.plan.peak_bytes(), shown.peak_bytes());
    }
  }
}

TEST(Jobs, AJobDrawsTheSameAgain) {
  TextToImage engine = open_engine();
  Job job = engine.prepare(request_of(64, 64));
  const std::vector<Image> first = draw(job);
  EXPECT_EQ(draw(job), first);
}

// In threads of their own, on an engine with nothing loaded; a third one plans all the while.
TEST(Jobs, TwoOfDifferentSizesDrawAtOnceWhatTheyDrawAlone) {
  GenerateRequest small = request_of(32, 48), large = request_of(64, 64, "1girl, aqua_hair, smile");
  large.hires_scale = 1.5;
  large.hires_steps = 4;
  const std::vector<Image> small_alone = drawn_alone(small), large_alone = drawn_alone(large);
  TextToImage engine = open_engine();
  std::atomic<int> drawing{2};
  std::vector<Image> small_drawn, large_drawn;
  std::thread one([&] {
    Job job = engine.prepare(small);
    for (int again = 0; again < 2; ++again) small_drawn = draw(job);
    --drawing;
  });
  std::thread other([&] {
    Job job = engine.prepare(large);
    large_drawn = draw(job);
    --drawing;
  });
  size_t plans = 0;
  for (; drawing != 0; ++plans)
    EXPECT_GT(engine.prepare(request_of(32 + 16 * static_cast<int64_t>(plans % 3), 32)).plan().stages.size(), 3U);
  one.join();
  other.join();
  EXPECT_GT(plans, 0U);
  EXPECT_EQ(small_drawn, small_alone);
  EXPECT_EQ(large_drawn, large_alone);
}

// From within a drawing, which cannot go on meanwhile: waiting for it would take forever.
TEST(Jobs, APlanWaitsForNoDrawing) {
  TextToImage engine = open_engine();
  Job job = engine.prepare(request_of(32, 32));
  size_t planned = 0;
  InTheMiddle observer([&] { planned = engine.plan(request_of(48, 32)).peak_bytes(); });
  draw(job, observer);
  EXPECT_GT(planned, 0U);
}

TEST(Jobs, OneMayDrawInTheMiddleOfAnother) {
  const GenerateRequest outer = request_of(48, 48), inner = request_of(32, 64, "1boy, red_hair");
  const std::vector<Image> outer_alone = drawn_alone(outer), inner_alone = drawn_alone(inner);
  TextToImage engine = open_engine(size_t{64} << 30);
  Job job = engine.prepare(outer);
  std::vector<Image> inner_drawn;
  size_t most = 0, reserved = 0;
  InTheMiddle observer([&] {
    Job other = engine.prepare(inner, {.when_full = WhenFull::Refuse});
    InTheMiddle watcher([&] {
      reserved = engine.reserved_bytes();
      most = engine.allocated_bytes();
    });
    inner_drawn = draw(other, watcher);
  });
  EXPECT_EQ(draw(job, observer), outer_alone);
  EXPECT_EQ(inner_drawn, inner_alone);
  EXPECT_LE(most, reserved);
  EXPECT_GT(most, 0U);
}

// What is kept of an earlier picture is used by both, and counted once.
TEST(Jobs, KeptWeightsAreSharedAndCountedOnce) {
  TextToImage engine = open_engine(size_t{64} << 30);
  const GenerateRequest request = request_of(48, 48);
  Job job = engine.prepare(request);
  draw(job);
  const size_t kept = engine.reserved_bytes();
  EXPECT_GE(kept, engine.allocated_bytes()) << "weights that stayed, with their pages";
  size_t alone = 0, together = 0;
  InTheMiddle observer([&] {
    alone = engine.reserved_bytes();
    Job other = engine.prepare(request, {.when_full = WhenFull::Refuse});
    InTheMiddle watcher([&] { together = engine.reserved_bytes(); });
    draw(other, watcher);
  });
  draw(job, observer);
  EXPECT_EQ(together - alone, alone - kept) << "another one adds its own, and no weights";
  EXPECT_EQ(engine.reserved_bytes(), kept);
}

// A budget that has room for either.
struct Either {
  GenerateRequest request = request_of(64, 64);
  size_t budget = 0;

  Either() {
    TextToImage engine = open_engine(size_t{64} << 30);
    budget = engine.plan(request).peak_bytes() + (size_t{4} << 20);  // pages of a process come and go
  }
};

TEST(Jobs, OneThatDoesNotFitBesideAnotherIsRefusedWhenItMayNotWait) {
  const Either either;
  TextToImage engine = open_engine(either.budget);
  Job job = engine.prepare(either.request);
  std::optional<Error> refusal;
  InTheMiddle observer([&] {
    Job other = engine.prepare(request_of(64, 48), {.when_full = WhenFull::Refuse});
    try {
      draw(other);
    } catch (const Error& e) {
      refusal = e;
    }
  });
  EXPECT_EQ(draw(job, observer).size(), 1U);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->kind(), ErrorKind::OverBudget);
  EXPECT_THAT(refusal->message(), ::testing::HasSubstr("beside those that are being drawn"));
  Job later = engine.prepare(request_of(64, 48), {.when_full = WhenFull::Refuse});
  EXPECT_EQ(draw(later).size(), 1U) << "when the other is done there is room";
}

TEST(Jobs, ThoseThatDoNotFitTogetherTakeTurns) {
  const Either either;
  const std::vector<Image> alone = drawn_alone(either.request);
  TextToImage engine = open_engine(either.budget);
  std::atomic<int> running{0}, most{0};
  struct Counter final : RunObserver {
    std::atomic<int>&running, &most;
    Counter(std::atomic<int>& r, std::atomic<int>& m) : running(r), most(m) {}
    void on_stage(const RunPlace& at) override {
      if (at.stage == StageKind::Gemma) most = std::max(most.load(), ++running);
      if (at.stage == StageKind::Save) --running;
    }
  };
  std::vector<std::vector<Image>> drawn(3);
  std::vector<std::thread> threads;
  for (std::vector<Image>& out : drawn)
    threads.emplace_back([&] {
      Job job = engine.prepare(either.request);
      Counter counter(running, most);
      out = draw(job, counter);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1) << "two were in their stages at once";
  for (const std::vector<Image>& one : drawn) EXPECT_EQ(one, alone);
}

TEST(Jobs, AStoppedOneDoesNotWait) {
  const Either either;
  TextToImage engine = open_engine(either.budget);
  Job job = engine.prepare(either.request);
  std::atomic<bool> stopped{true};
  std::optional<ErrorKind> kind;
  InTheMiddle observer([&] {
    Job other = engine.prepare(either.request);
    RunObserver quiet;
    try {
      other.run(quiet, StopToken(&stopped), [](GeneratedImage) {});
    } catch (const Error& e) {
      kind = e.kind();
    }
  });
  draw(job, observer);
  EXPECT_EQ(kind, ErrorKind::Cancelled);
}

TEST(Jobs, WarningsGoToTheLogOfTheirJob) {
  struct Words final : Log {
    std::vector<std::string> lines;
    void write(LogLevel, std::string_view text) override { lines.emplace_back(text); }
  } words;
  TextToImage engine = open_engine();
  GenerateRequest request = request_of(32, 32, "1girl, blue_hair, smile, looking_at_viewer");
  request.max_jina_tokens = 4;
  const Job job = engine.prepare(request, {.log = &words});
  EXPECT_THAT(words.lines, ::testing::Contains(::testing::HasSubstr("tokens are lost")));
}

TEST(Jobs, AFailedRunLeavesTheOthersTheirWeights) {
  TextToImage engine = open_engine(size_t{64} << 30);
  const GenerateRequest request = request_of(48, 48);
  Job outer = engine.prepare(request);
  const std::vector<Image> alone = draw(outer);
  struct Broken {};
  InTheMiddle observer([&] {
    Job inner = engine.prepare(request);
    InTheMiddle thrower([] { throw Broken{}; });
    EXPECT_THROW(draw(inner, thrower), Broken);
  });
  EXPECT_EQ(draw(outer, observer), alone);
  EXPECT_EQ(draw(outer), alone);
}

}  // namespace
}  // namespace newbie::test
