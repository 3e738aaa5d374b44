// Jobs from being handed in to being gone, on an engine that draws as far as the test lets it.
#include "serve/job_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "core/files.h"
#include "made_up_engine.h"
#include "serve/fitting.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Submission submission(const std::string& prompt, const std::string& owner = "me") {
  Submission s;
  s.request.prompt = prompt;
  s.request.steps = 2;
  s.request.seed = 7;
  s.owner = owner;
  s.origin = "jobs";
  s.text = prompt;
  return s;
}

// Waits for a state by listening, as clients do.
JobView wait_until(JobService& service, const std::string& id, const std::function<bool(const JobView&)>& is_there,
                   const std::string& owner = "me") {
  struct Bell {
    std::mutex mutex;
    std::condition_variable changed;
  };
  const auto bell = std::make_shared<Bell>();
  const JobService::Listener listener = service.listen(id, owner, [bell] {
    const std::lock_guard lock(bell->mutex);
    bell->changed.notify_all();
  });
  std::unique_lock lock(bell->mutex);
  while (true) {
    const JobView view = service.view(id, owner);
    if (is_there(view)) return view;
    bell->changed.wait_for(lock, std::chrono::milliseconds(20));
  }
}
JobView wait_for_end(JobService& service, const std::string& id, const std::string& owner = "me") {
  return wait_until(
      service, id, [](const JobView& v) { return is_final(v.state); }, owner);
}

Refused refusal_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const Refusal& refusal) {
    return refusal.why();
  }
  ADD_FAILURE() << "nothing was refused";
  return Refused::Loading;
}

std::vector<std::string> event_names(JobService& service, const std::string& id) {
  std::vector<std::string> names;
  for (const JobEvent& event : service.news(id, "me", 0).events) names.push_back(event.name);
  return names;
}

TEST(JobService, DrawsAndKeeps) {
  MadeUpEngine engine;
  JobService service(engine, {}, silent_log());
  const std::string id = service.submit(submission("a"));
  const JobView view = wait_for_end(service, id);
  EXPECT_EQ(view.state, JobState::Done);
  EXPECT_EQ(view.progress, 1);
  ASSERT_EQ(view.pictures.size(), 1u);
  EXPECT_EQ(view.pictures[0].seed, 7u);
  const auto bytes = service.picture(id, "me", 0);
  EXPECT_EQ(decode_picture(*bytes, "it").image, MadeUpEngine::picture(7));
  EXPECT_EQ(decode_picture(*bytes, "it").texts.size(), 2u);
  EXPECT_THAT(event_names(service, id), ElementsAre("queued", "position", "started", "stage", "stage", "step", "guard",
                                                    "step", "picture", "done"));
}

TEST(JobService, WarningsAreTheJobs) {
  MadeUpEngine engine;
  JobService service(engine, {}, silent_log());
  const std::string id = service.submit(submission("doubtful"));
  EXPECT_THAT(wait_for_end(service, id).warnings, ElementsAre("doubtful is doubtful"));
  EXPECT_THAT(event_names(service, id), ::testing::Contains("warning"));
  EXPECT_TRUE(wait_for_end(service, service.submit(submission("a"))).warnings.empty());
}

// One that waits is not kept prepared, so that a long queue takes no more than its requests.
TEST(JobService, WhatIsDrawnAtOnceIsPreparedOnce) {
  MadeUpEngine engine;
  JobService service(engine, {}, silent_log());
  wait_for_end(service, service.submit(submission("a")));
  while (!service.is_idle()) std::this_thread::yield();
  EXPECT_EQ(engine.prepared(), 1);
  engine.hold();
  const std::string first = service.submit(submission("b"));
  engine.wait_for_started(2);
  const std::string second = service.submit(submission("c"));
  EXPECT_EQ(engine.prepared(), 3);
  engine.release();
  wait_for_end(service, first);
  wait_for_end(service, second);
  EXPECT_EQ(engine.prepared(), 4);
}

TEST(JobService, WhatTheGuardDoesIsToldWhileItDraws) {
  MadeUpEngine engine;
  engine.hold();
  JobService service(engine, {}, silent_log());
  const std::string id = service.submit(submission("a"));
  engine.allow(1);
  while (service.view(id, "me").guard_events.empty()) std::this_thread::yield();
  EXPECT_EQ(service.view(id, "me").state, JobState::Running);
  EXPECT_EQ(event_names(service, id).back(), "guard");
  EXPECT_EQ(service.counters().guard_events, 1u);
  engine.release();
  EXPECT_EQ(wait_for_end(service, id).guard_events.size(), 1u);
}

TEST(JobService, AnOwnerSeesOnlyItsOwn) {
  MadeUpEngine engine;
  JobService service(engine, {}, silent_log());
  const std::string id = service.submit(submission("a"));
  wait_for_end(service, id);
  EXPECT_EQ(refusal_of([&] { service.view(id, "other"); }), Refused::UnknownJob);
  EXPECT_EQ(refusal_of([&] { service.picture(id, "other", 0); }), Refused::UnknownJob);
  EXPECT_EQ(refusal_of([&] { service.cancel(id, "other"); }), Refused::UnknownJob);
  EXPECT_EQ(refusal_of([&] { service.view("0123", "me"); }), Refused::UnknownJob);
  EXPECT_TRUE(service.list("other", 10).empty());
  EXPECT_EQ(service.list("me", 10).size(), 1u);
}

TEST(JobService, TheQueueIsBounded) {
  MadeUpEngine engine;
  engine.hold();
  JobService service(engine, {.queue = 2}, silent_log());
  service.submit(submission("runs"));
  engine.wait_for_started(1);
  service.submit(submission("waits"));
  service.submit(submission("waits, too"));
  try {
    service.submit(submission("one too many"));
    ADD_FAILURE() << "it was taken";
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.why(), Refused::QueueFull);
    EXPECT_GE(refusal.retry_after_s(), 1);
    EXPECT_LE(refusal.retry_after_s(), 120);
  }
  engine.release();
}

TEST(JobService, WhatDoesNotFitIsRefusedBeforeAnyWork) {
  MadeUpEngine engine;
  engine.budget = 1000 + 128 * 128;
  JobService service(engine, {}, silent_log());
  Submission s = submission("large");
  s.request.width = s.request.height = 256;
  try {
    service.submit(std::move(s));
    ADD_FAILURE() << "it was taken";
  } catch (const TooLarge& error) {
    ASSERT_TRUE(error.fit());
    EXPECT_EQ(error.fit()->request.width, 128);
  }
  EXPECT_TRUE(engine.started().empty());
  EXPECT_EQ(service.counters().refused.at("over_budget"), 1u);
}

TEST(JobService, CancellingAQueuedJobLeavesTheRunningOneAlone) {
  MadeUpEngine engine;
  engine.hold();
  JobService service(engine, {}, silent_log());
  const std::string running = service.submit(submission("runs"));
  const std::string queued = service.submit(submission("waits"));
  engine.wait_for_started(1);
  EXPECT_EQ(service.view(queued, "me").position, 1u);
  EXPECT_EQ(service.cancel(queued, "me").state, JobState::Cancelled);
  engine.release();
  EXPECT_EQ(wait_for_end(service, running).state, JobState::Done);
  EXPECT_EQ(engine.started(), std::vector<std::string>{"runs"});
}

TEST(JobService, CancellingARunningJobIsHeardAtOnceAndStopsIt) {
  MadeUpEngine engine;
  engine.hold();
  JobService service(engine, {}, silent_log());
  const std::string id = service.submit(submission("runs"));
  engine.wait_for_started(1);
  const JobState answered = service.cancel(id, "me").state;
  EXPECT_TRUE(answered == JobState::Stopping || answered == JobState::Cancelled);
  const JobView view = wait_for_end(service, id);
  EXPECT_EQ(view.state, JobState::Cancelled);
  ASSERT_TRUE(view.error);
  EXPECT_EQ(view.error->kind(), ErrorKind::Cancelled);
  EXPECT_THAT(event_names(service, id), ::testing::Contains("cancelling"));
  EXPECT_EQ(service.cancel(id, "me").state, JobState::Cancelled) << "twice is no error";
  engine.release();
}

TEST(JobService, AFailureIsToldAndTheNextJobDraws) {
  MadeUpEngine engine;
  engine.fails = true;
  JobService service(engine, {}, silent_log());
  const JobView failed = wait_for_end(service, service.submit(submission("a")));
  EXPECT_EQ(failed.state, JobState::Failed);
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->message(), "a weight is no number");
  engine.fails = false;
  EXPECT_EQ(wait_for_end(service, service.submit(submission("b"))).state, JobState::Done);
}

TEST(JobService, EverySubmissionIsAnsweredOnce) {
  MadeUpEngine engine;
  std::atomic<size_t> ended{0};
  JobService service(engine, {.queue = 1000, .parallel = 3, .memory_budget_bytes = 1 << 20}, silent_log());
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(service.submit(submission(std::to_string(i))));
  for (const std::string& id : ids) {
    EXPECT_EQ(wait_for_end(service, id).state, JobState::Done);
    std::vector<std::string> names = event_names(service, id);
    ended += static_cast<size_t>(std::count(names.begin(), names.end(), "done"));
  }
  EXPECT_EQ(ended, 200u);
  EXPECT_EQ(service.counters().ended.at("done"), 200u);
  EXPECT_EQ(engine.started().size(), 200u);
}

TEST(JobService, JobsRunBesideEachOtherAsFarAsMemoryGoes) {
  MadeUpEngine engine;
  engine.hold();
  // Two of 64x64 fit beside the 1000 bytes of the process, three do not.
  JobService service(engine, {.parallel = 4, .memory_budget_bytes = 1000 + 2 * 64 * 64}, silent_log());
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(service.submit(submission(std::to_string(i))));
  engine.wait_for_started(2);
  EXPECT_EQ(service.counters().drawing, 2u);
  EXPECT_EQ(service.counters().waiting, 1u);
  EXPECT_EQ(service.counters().reserved_bytes, size_t{2 * 64 * 64});
  engine.release();
  for (const std::string& id : ids) EXPECT_EQ(wait_for_end(service, id).state, JobState::Done);
}

TEST(JobService, NoTimerEndsAJobThatWaits) {
  MadeUpEngine engine;
  engine.hold();
  std::atomic<double> now{1000};
  JobService service(engine, {.clock = [&] { return now.load(); }}, silent_log());
  const std::string first = service.submit(submission("a"));
  const std::string second = service.submit(submission("b"));
  engine.wait_for_started(1);
  now = 1000 + 2 * 3600;
  service.sweep();
  EXPECT_EQ(service.view(second, "me").state, JobState::Queued);
  engine.release();
  EXPECT_EQ(wait_for_end(service, second).state, JobState::Done);
}

TEST(JobService, WhoSaidHowLongItWaitsIsNotDrawnForLater) {
  MadeUpEngine engine;
  engine.hold();
  std::atomic<double> now{1000};
  JobService service(engine, {.clock = [&] { return now.load(); }}, silent_log());
  service.submit(submission("a"));
  engine.wait_for_started(1);
  Submission impatient = submission("b");
  impatient.patience_s = 10;
  const std::string id = service.submit(std::move(impatient));
  now = 1011;
  engine.release();
  EXPECT_EQ(wait_for_end(service, id).state, JobState::Cancelled);
  EXPECT_EQ(engine.started(), std::vector<std::string>{"a"});
}

TEST(JobService, WhatWasKeptLongEnoughIsGoneAndNotUnknown) {
  MadeUpEngine engine;
  std::atomic<double> now{1000};
  JobService service(engine, {.store = {.seconds = 60}, .clock = [&] { return now.load(); }}, silent_log());
  const std::string id = service.submit(submission("a"));
  wait_for_end(service, id);
  now = 1061;
  service.sweep();
  EXPECT_EQ(refusal_of([&] { service.view(id, "me"); }), Refused::ExpiredJob);
}

TEST(JobService, PreviewsAreMadeForListenersOnly) {
  MadeUpEngine engine;
  engine.hold();
  JobService service(engine, {}, silent_log());
  Submission s = submission("a");
  s.request.preview_every = 1;
  s.request.steps = 4;
  const std::string id = service.submit(std::move(s));
  engine.allow(2);
  wait_until(service, id, [](const JobView& v) { return v.step == 2; });
  engine.release();
  wait_for_end(service, id);

  Submission alone = submission("b");
  alone.request.preview_every = 1;
  const std::string unheard = service.submit(std::move(alone));
  while (!is_final(service.view(unheard, "me").state)) std::this_thread::yield();
  EXPECT_THAT(event_names(service, unheard), ::testing::Not(::testing::Contains("preview")));
}

TEST(JobService, DrainingTakesNothingNewAndEndsWhatIsThere) {
  MadeUpEngine engine;
  engine.hold();
  JobService service(engine, {}, silent_log());
  const std::string id = service.submit(submission("a"));
  service.drain();
  EXPECT_EQ(refusal_of([&] { service.submit(submission("b")); }), Refused::Draining);
  EXPECT_FALSE(service.is_idle());
  engine.release();
  EXPECT_EQ(wait_for_end(service, id).state, JobState::Done);
}

// --- the journal ----------------------------------------------------------------------------------------------------

struct Restart {
  TemporaryFolder folder;
  MadeUpEngine engine;
  ServiceOptions options(bool resume) {
    ServiceOptions o;
    o.journal = folder / "jobs";
    o.resume = resume;
    o.read_request = [](const std::string& text) {
      GenerateRequest request;
      request.prompt = text;
      request.steps = 2;
      request.seed = 7;
      return request;
    };
    return o;
  }
};

TEST(Journal, FinishedPicturesOutliveTheProcess) {
  Restart r;
  std::string id;
  std::vector<std::byte> bytes;
  {
    JobService service(r.engine, r.options(false), silent_log());
    id = service.submit(submission("a"));
    wait_for_end(service, id);
    bytes = *service.picture(id, "me", 0);
  }
  JobService service(r.engine, r.options(false), silent_log());
  EXPECT_EQ(service.view(id, "me").state, JobState::Done);
  EXPECT_EQ(*service.picture(id, "me", 0), bytes);
  EXPECT_THAT(event_names(service, id), ElementsAre("done"));
  EXPECT_EQ(r.engine.started().size(), 1u);
}

TEST(Journal, APictureThatIsNotWhatWasWrittenIsGone) {
  Restart r;
  std::string id;
  {
    JobService service(r.engine, r.options(false), silent_log());
    id = service.submit(submission("a"));
    wait_for_end(service, id);
  }
  const std::filesystem::path picture = r.folder / "jobs" / (id + ".0.png");
  const std::string whole = read_file(picture, 1 << 20);
  std::string changed = whole;
  changed[changed.size() / 2] ^= 1;
  JobService service(r.engine, r.options(false), silent_log());
  for (const std::string& bytes : {whole.substr(0, whole.size() / 2), changed, whole + "x"}) {
    write_file_atomically(picture, bytes);
    EXPECT_EQ(refusal_of([&] { service.picture(id, "me", 0); }), Refused::ExpiredJob);
  }
  std::filesystem::remove(picture);
  EXPECT_EQ(refusal_of([&] { service.picture(id, "me", 0); }), Refused::ExpiredJob);
  try {
    service.picture(id, "me", 0);
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), ::testing::Not(HasSubstr(r.folder.path().string())));
  }
  write_file_atomically(picture, whole);
  EXPECT_EQ(service.picture(id, "me", 0)->size(), whole.size());
}

TEST(Journal, UnfinishedJobsAreLostOrDrawnAgainEachOnce) {
  for (const bool resume : {false, true}) {
    Restart r;
    std::vector<std::string> ids;
    r.engine.hold();
    {
      JobService service(r.engine, r.options(resume), silent_log());
      for (const char* prompt : {"a", "b", "c"}) ids.push_back(service.submit(submission(prompt)));
      r.engine.wait_for_started(1);
    }
    r.engine.release();
    JobService service(r.engine, r.options(resume), silent_log());
    for (const std::string& id : ids) {
      const JobView view = wait_for_end(service, id);
      EXPECT_EQ(view.state, resume ? JobState::Done : JobState::Failed);
      if (!resume) {
        EXPECT_THAT(view.error->message(), HasSubstr("lost"));
        EXPECT_EQ(view.error->kind(), ErrorKind::Cancelled) << "nothing that anybody should report";
      }
    }
    EXPECT_EQ(r.engine.started().size(), resume ? 4u : 1u) << "the first was begun twice";
  }
}

TEST(Journal, ACancelledJobDoesNotComeBack) {
  Restart r;
  r.engine.hold();
  std::string id;
  {
    JobService service(r.engine, r.options(true), silent_log());
    service.submit(submission("a"));
    id = service.submit(submission("b"));
    service.cancel(id, "me");
  }
  r.engine.release();
  JobService service(r.engine, r.options(true), silent_log());
  EXPECT_EQ(service.view(id, "me").state, JobState::Cancelled);
}

TEST(Journal, TwoServersDoNotShareOne) {
  Restart r;
  const Journal first(r.folder / "jobs");
  EXPECT_ERROR(Journal(r.folder / "jobs"), ErrorKind::BadFile, "another server");
}

struct WarningLog : Log {
  std::vector<std::string> warnings;
  void write(LogLevel level, std::string_view text) override {
    if (level == LogLevel::Warning) warnings.emplace_back(text);
  }
};

TEST(Journal, DamagedRecordsAreLeftAlone) {
  Restart r;
  std::filesystem::create_directories(r.folder / "jobs");
  const std::filesystem::path damaged = r.folder / "jobs/0123456789abcdef0123456789abcdef.json";
  for (const char* text : {"", "{", "[]", R"({"version":1})", R"({"version":1,"id":"../x"})", "\xff"}) {
    write_file_atomically(damaged, text);
    WarningLog log;
    JobService service(r.engine, r.options(true), log);
    ASSERT_EQ(log.warnings.size(), 1u);
    EXPECT_EQ(log.warnings[0].find(damaged.string()), log.warnings[0].rfind(damaged.string()))
        << "the path is said once";
    EXPECT_TRUE(service.list("me", 10).empty());
    EXPECT_TRUE(std::filesystem::exists(damaged));
  }
}

TEST(Journal, WhatCannotBeWrittenDownIsNotPromised) {
  Restart r;
  JobService service(r.engine, r.options(false), silent_log());
  set_file_fault_hook([](size_t, const char* operation) { return std::string_view(operation) != "write"; });
  EXPECT_EQ(refusal_of([&] { service.submit(submission("a")); }), Refused::NotWritten);
  set_file_fault_hook({});
  EXPECT_TRUE(service.list("me", 10).empty());
  EXPECT_EQ(wait_for_end(service, service.submit(submission("b"))).state, JobState::Done);
}

TEST(Journal, FilesGoWithTheirJobs) {
  Restart r;
  std::atomic<double> now{1000};
  ServiceOptions options = r.options(false);
  options.clock = [&] { return now.load(); };
  options.store.seconds = 60;
  JobService service(r.engine, options, silent_log());
  wait_for_end(service, service.submit(submission("a")));
  now = 1061;
  service.sweep();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(r.folder / "jobs"))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, ElementsAre("lock"));
}

}  // namespace
}  // namespace newbie
