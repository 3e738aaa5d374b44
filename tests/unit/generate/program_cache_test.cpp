// The cache of programs holds so many, and lets go of the one that was not asked for the longest.
#include "generate/program_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>

#include "core/error.h"
#include "graph/ops/all.h"

namespace newbie::test {
namespace {

struct Compiler {
  std::unique_ptr<Backend> backend = make_reference_backend();
  std::vector<ProgramKey> compiled;

  Program operator()(const ProgramKey& key) {
    if (key.shape[0] < 0) fail(ErrorKind::Unsupported, "no such shape");
    compiled.push_back(key);
    Graph g;
    g.output("y", silu(g.input("x", {key.shape[0]})));
    return Program(g, *backend, 1);
  }
};

ProgramKey key_of(int64_t tokens, Bands bands = Bands::None) { return {GraphKind::GemmaFeatures, {tokens}, bands}; }

TEST(ProgramCache, CompilesOnceAndDropsWhatWasNotAskedForTheLongest) {
  Compiler compiler;
  ProgramCache cache({.programs = 2}, std::ref(compiler), [] {});
  const auto one = cache.get(key_of(1));
  EXPECT_EQ(cache.get(key_of(1)), one);
  cache.get(key_of(2));
  cache.get(key_of(1));
  cache.get(key_of(3));  // 2 goes
  EXPECT_EQ(cache.size(), 2U);
  cache.get(key_of(1));
  EXPECT_EQ(compiler.compiled.size(), 3U);
  cache.get(key_of(2));
  EXPECT_EQ(compiler.compiled.size(), 4U);
}

TEST(ProgramCache, EveryPartOfTheKeyTellsProgramsApart) {
  Compiler compiler;
  ProgramCache cache({}, std::ref(compiler), [] {});
  cache.get(key_of(4));
  cache.get(key_of(4, Bands::Once));
  cache.get({GraphKind::JinaText, {4}});
  cache.get({GraphKind::GemmaFeatures, {4, 1}});
  EXPECT_EQ(compiler.compiled.size(), 4U);
}

TEST(ProgramCache, AJobKeepsItsProgramsWhenTheCacheLetsGo) {
  Compiler compiler;
  ProgramCache cache({.programs = 1}, std::ref(compiler), [] {});
  const JobAdapters none;
  JobPrograms job(cache, none);
  const CachedProgram& mine = job.get(key_of(5));
  cache.get(key_of(6));
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(&job.get(key_of(5)), &mine);
  EXPECT_EQ(mine.program.steps(), 1U);
}

TEST(ProgramCache, WhatIsLargeGoesWithItsJobs) {
  Compiler compiler;
  int forgotten = 0;
  ProgramCache cache({.arena_bytes = 4096}, std::ref(compiler), [&] { ++forgotten; });
  cache.get(key_of(16));
  const JobAdapters none;
  {
    JobPrograms one(cache, none), another(cache, none);
    EXPECT_EQ(&one.get(key_of(4096)), &another.get(key_of(4096)));
    EXPECT_EQ(compiler.compiled.size(), 2U);
  }
  EXPECT_EQ(forgotten, 1) << "once, by the last of them";
  EXPECT_EQ(cache.size(), 1U);
  cache.get(key_of(4096));
  EXPECT_EQ(compiler.compiled.size(), 3U);
}

// Two convolutions of a picture of shape[0] by shape[1].
Program convolutions(const ProgramKey& key) {
  Graph g;
  const Scope s(g);
  const Padding same{.top = 1, .left = 1, .bottom = 1, .right = 1};
  const Value x = g.input("x", {key.shape[0], key.shape[1], 1});
  g.output("y", conv2d(s / "second", conv2d(s / "first", x, 1, 3, 1, same), 1, 3, 1, same));
  return Program(g, *make_reference_backend(), 1);
}

TEST(ProgramCache, ColumnsAreBoundedAndNotRows) {
  const auto picture = [](int64_t rows, int64_t columns) { return ProgramKey{GraphKind::Decode, {rows, columns}}; };
  EXPECT_EQ(columns_of(convolutions(picture(4, 10))), 20U);
  int compiled = 0, forgotten = 0;
  ProgramCache cache(
      {.columns = 400},
      [&](const ProgramKey& key) {
        ++compiled;
        return convolutions(key);
      },
      [&] { ++forgotten; });
  for (int64_t rows = 1; rows <= 20; ++rows) cache.get(picture(100 * rows, 4));
  EXPECT_EQ(cache.size(), 20U) << "160 columns";
  for (int64_t rows = 1; rows <= 20; ++rows) cache.get(picture(rows, 50));
  EXPECT_EQ(cache.size(), 4U) << "of 100 columns each";
  EXPECT_EQ(forgotten, 9) << "160 columns and 16 times 100 are gone: it is time whenever more than 100 are";
  const JobAdapters none;
  {
    JobPrograms job(cache, none);
    job.get(picture(1, 51));
    EXPECT_EQ(cache.size(), 4U) << "what is wide stays with its job";
  }
  EXPECT_EQ(forgotten, 10);
  EXPECT_EQ(compiled, 41);
  cache.get(picture(1, 51));
  EXPECT_EQ(compiled, 42);
}

TEST(ProgramCache, AJobThatIsStoppedHasNothingBuilt) {
  Compiler compiler;
  ProgramCache cache({}, std::ref(compiler), [] {});
  const JobAdapters none;
  std::atomic<bool> stop{false};
  JobPrograms job(cache, none);
  job.stop_at(StopToken(&stop));
  job.get(key_of(1));
  stop = true;
  job.get(key_of(1));
  EXPECT_THROW(job.get(key_of(2)), Error);
  EXPECT_EQ(compiler.compiled.size(), 1U);
}

TEST(ProgramCache, WhatIsThereIsHadWhileAnotherIsCompiled) {
  Compiler compiler;
  std::promise<void> began, may_end;
  ProgramCache cache(
      {},
      [&](const ProgramKey& key) {
        if (key.shape[0] == 2) {
          began.set_value();
          may_end.get_future().wait();
        }
        return compiler(key);
      },
      [] {});
  const auto one = cache.get(key_of(1));
  auto slow = std::async(std::launch::async, [&] { return cache.get(key_of(2)); });
  began.get_future().wait();
  auto hit = std::async(std::launch::async, [&] {
    cache.sweep();
    return cache.get(key_of(1));
  });
  const bool had = hit.wait_for(std::chrono::seconds(60)) == std::future_status::ready;  // before the other is made
  auto same = std::async(std::launch::async, [&] { return cache.get(key_of(2)); });
  may_end.set_value();
  EXPECT_TRUE(had);
  EXPECT_EQ(hit.get(), one);
  EXPECT_EQ(same.get(), slow.get());
  EXPECT_EQ(compiler.compiled.size(), 2U);
}

TEST(ProgramCache, AFailureLeavesItAsItWas) {
  Compiler compiler;
  ProgramCache cache({.programs = 2}, std::ref(compiler), [] {});
  cache.get(key_of(1));
  EXPECT_THROW(cache.get(key_of(-1)), Error);
  EXPECT_EQ(cache.size(), 1U);
}

}  // namespace
}  // namespace newbie::test
