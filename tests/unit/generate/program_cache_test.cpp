// The cache of programs holds so many, and lets go of the one that was not asked for the longest.
#include "generate/program_cache.h"

#include <gtest/gtest.h>

#include <atomic>

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
  ProgramCache cache(2, std::ref(compiler), [] {});
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
  ProgramCache cache(8, std::ref(compiler), [] {});
  cache.get(key_of(4));
  cache.get(key_of(4, Bands::Once));
  cache.get({GraphKind::JinaText, {4}});
  cache.get({GraphKind::GemmaFeatures, {4, 1}});
  EXPECT_EQ(compiler.compiled.size(), 4U);
}

TEST(ProgramCache, AJobKeepsItsProgramsWhenTheCacheLetsGo) {
  Compiler compiler;
  ProgramCache cache(1, std::ref(compiler), [] {});
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
  ProgramCache cache(
      8, std::ref(compiler), [&] { ++forgotten; }, 4096);
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

TEST(ProgramCache, AJobThatIsStoppedHasNothingBuilt) {
  Compiler compiler;
  ProgramCache cache(8, std::ref(compiler), [] {});
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

TEST(ProgramCache, AFailureLeavesItAsItWas) {
  Compiler compiler;
  ProgramCache cache(2, std::ref(compiler), [] {});
  cache.get(key_of(1));
  EXPECT_THROW(cache.get(key_of(-1)), Error);
  EXPECT_EQ(cache.size(), 1U);
}

}  // namespace
}  // namespace newbie::test
