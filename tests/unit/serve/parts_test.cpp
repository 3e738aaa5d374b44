// The small parts: ids, events, memory set aside, progress, what would fit, what is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "made_up_engine.h"
#include "serve/event_log.h"
#include "serve/fitting.h"
#include "serve/job_id.h"
#include "serve/job_store.h"
#include "serve/memory_ledger.h"
#include "serve/preview_pace.h"
#include "serve/progress_meter.h"
#include "serve/speed_log.h"

namespace newbie {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(JobId, AreAllDifferentAndRecognised) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(new_job_id("w1"));
  EXPECT_EQ(ids.size(), 1000u);
  for (const std::string& id : ids) EXPECT_TRUE(is_job_id(id)) << id;
  EXPECT_TRUE(is_job_id(new_job_id("")));
  for (const char* bad : {"", "w1-", "../../etc/passwd", "w1-0123456789abcdef0123456789abcdeF",
                          "-0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcde"})
    EXPECT_FALSE(is_job_id(bad)) << bad;
}

TEST(EventLog, NumbersRiseAndALateListenerGetsTheRest) {
  EventLog log;
  log.add("queued", {{"position", 1}});
  log.add("stage", {{"stage", "gemma"}});
  const std::vector<JobEvent> rest = log.since(1);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].id, 2u);
  EXPECT_EQ(rest[0].data(), R"({"stage":"gemma"})");
  EXPECT_EQ(*rest[0].text, "id: 2\nevent: stage\ndata: {\"stage\":\"gemma\"}\n\n");
  EXPECT_TRUE(log.since(2).empty());
  EXPECT_EQ(log.since(99).size(), 2u);  // an earlier process counted so far
}

TEST(EventLog, ManyStepsTakeBoundedMemory) {
  EventLog log;
  log.add("queued", {});
  for (int i = 0; i < 1000; ++i) {
    log.add("step", {{"evaluation", i}});
    log.add("preview", {{"step", i}});
  }
  const std::vector<JobEvent> all = log.since(0);
  EXPECT_EQ(all.size(), 1 + EventLog::kMostSteps + 1);
  EXPECT_EQ(all.front().name, "queued");
  EXPECT_EQ(all.back().id, log.last_id());
  for (size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1].id, all[i].id);
}

MemoryPlan plan_of(size_t own, size_t shared) {
  MemoryPlan plan;
  plan.process_bytes = shared;
  plan.stages.push_back({.stage = StageKind::FirstPass, .buffer_bytes = own});
  return plan;
}

TEST(MemoryLedger, SharedBytesCountOnce) {
  MemoryLedger ledger(1000);
  EXPECT_TRUE(ledger.reserve(plan_of(300, 400)));
  EXPECT_TRUE(ledger.reserve(plan_of(300, 400)));
  EXPECT_FALSE(ledger.reserve(plan_of(1, 400)));
  ledger.give_back(plan_of(300, 400));
  EXPECT_TRUE(ledger.reserve(plan_of(300, 400)));
  EXPECT_EQ(ledger.reserved_bytes(), 600u);
}

TEST(MemoryLedger, TheOnlyJobFitsAlways) {
  MemoryLedger ledger(10);
  EXPECT_TRUE(ledger.reserve(plan_of(1000, 1000)));
  EXPECT_FALSE(ledger.reserve(plan_of(0, 1000)) && ledger.reserve(plan_of(SIZE_MAX, 0)));
}

TEST(ProgressMeter, OnlyRisesOverPicturesAndPasses) {
  GenerateRequest request;
  request.batch = 2;
  request.hires_scale = 2;
  ProgressMeter meter(request);
  double last = meter.progress();
  const auto rose = [&] {
    EXPECT_GE(meter.progress(), last);
    last = meter.progress();
  };
  for (const StageKind stage : {StageKind::Gemma, StageKind::Jina, StageKind::Context, StageKind::FirstPass}) {
    meter.stage({.stage = stage});
    rose();
  }
  for (int pass = 0; pass < 2; ++pass)
    for (int picture = 0; picture < 2; ++picture)
      for (int evaluation = 1; evaluation <= 4; ++evaluation) {
        const double before = meter.progress();
        meter.step({StageKind::FirstPass, pass, picture, 2, evaluation, 4}, 1.0);
        EXPECT_GT(meter.progress(), before);
        rose();
      }
  EXPECT_LT(last, 1);
  EXPECT_NEAR(meter.seconds_left().value_or(-1), 0, 1e-9);
  meter.finish();
  EXPECT_EQ(meter.progress(), 1);
}

TEST(ProgressMeter, TellsHowLongTheRestTakes) {
  ProgressMeter meter(GenerateRequest{});
  EXPECT_FALSE(meter.seconds_left());
  meter.step({StageKind::FirstPass, 0, 0, 1, 1, 4}, 2.0);
  EXPECT_DOUBLE_EQ(meter.seconds_left().value_or(0), 6.0);
}

TEST(PreviewPace, PreviewsTakeASmallShareOfTheTime) {
  PreviewPace pace;
  double now = 100, spent = 0;
  EXPECT_TRUE(pace.is_due(now));
  for (int step = 0; step < 10'000; ++step, now += 0.01) {
    if (!pace.is_due(now)) continue;
    const double cost = step % 3 == 0 ? 0.001 : 0.004;
    pace.made(now, now + cost);
    spent += cost;
    now += cost;
  }
  EXPECT_LE(spent, PreviewPace::kShare * (now - 100) + 0.004);
  EXPECT_GE(spent, PreviewPace::kShare * (now - 100) / 2) << "hardly any is made";
}

TEST(PreviewPace, WhatTakesNoTimeIsAlwaysDue) {
  PreviewPace pace;
  pace.made(5, 5);
  EXPECT_TRUE(pace.is_due(5));
}

TEST(SpeedLog, TimeGoesWithWork) {
  SpeedLog log;
  EXPECT_EQ(log.seconds("", 1000), std::nullopt);
  log.add("", 1000, {{"gemma", 1}, {"denoise", 4}, {"hires", 6}, {"total", 13}});
  EXPECT_EQ(log.seconds("", 1000), 13);
  EXPECT_EQ(log.seconds("", 3000), 33);
  EXPECT_EQ(log.seconds("exact", 1000), std::nullopt);  // another speed
  log.add("", 1000, {{"denoise", 20}, {"total", 23}});  // twice as slow: half of it is believed
  EXPECT_EQ(log.seconds("", 1000), 18);
}

TEST(WorkOf, CountsPicturesPassesAndGuidance) {
  GenerateRequest r;
  r.sampler = "euler";
  r.schedule = "simple";
  r.steps = 10;
  r.cfg = 1;
  const double one = work_of(r, {64, 64});
  EXPECT_EQ(one, 10 * 64 * 64);
  r.cfg = 4;
  r.batch = 3;
  EXPECT_EQ(work_of(r, {64, 64}), 2 * 3 * one);
  r.hires_scale = 2;
  r.hires_strength = 1;
  EXPECT_EQ(work_of(r, {128, 128}), 2 * 3 * (one + 4 * one));
}

TEST(WhatWouldFit, GivesUpTheLeast) {
  MadeUpEngine engine;
  GenerateRequest request;
  request.width = 256, request.height = 128, request.batch = 4;
  engine.budget = 1000 + 256 * 128;
  std::optional<Fit> fit = what_would_fit(engine, request, {});
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->what, "one picture at a time");
  EXPECT_EQ(fit->peak_bytes, engine.budget);

  engine.budget = 1000 + 128 * 64;
  fit = what_would_fit(engine, request, {});
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->what, "128x64 instead of 256x128");
  EXPECT_EQ(fit->request.width, 128);

  engine.budget = 10;
  EXPECT_FALSE(what_would_fit(engine, request, {}));
}

std::shared_ptr<JobEntry> job_named(const std::string& id, size_t bytes) {
  auto job = std::make_shared<JobEntry>(JobView{.id = id});
  job->view.pictures.push_back({.file_bytes = bytes});
  return job;
}

TEST(JobStore, BytesAndTimeBoundWhatIsKept) {
  JobStore store({.bytes = 100, .seconds = 60, .jobs = 10});
  for (const char* id : {"a", "b", "c"}) {
    store.add(job_named(id, 40));
    store.ended(id, 1000);
  }
  store.add(job_named("waits", 0));
  const auto removed = store.sweep(1001);
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_EQ(removed[0]->view.id, "a");
  EXPECT_TRUE(store.has_expired("a"));
  EXPECT_FALSE(store.has_expired("never"));
  EXPECT_EQ(store.find("a"), nullptr);
  EXPECT_EQ(store.finished_bytes(), 80u);
  EXPECT_EQ(store.sweep(1060).size(), 2u);
  EXPECT_NE(store.find("waits"), nullptr) << "no time is over for what has not ended";
}

TEST(JobStore, TheNewestStaysWhateverItTakes) {
  JobStore store({.bytes = 100, .seconds = 60, .jobs = 10});
  store.add(job_named("large", 1000));
  store.ended("large", 0);
  EXPECT_TRUE(store.sweep(1).empty());
  EXPECT_NE(store.find("large"), nullptr);
}

}  // namespace
}  // namespace newbie
