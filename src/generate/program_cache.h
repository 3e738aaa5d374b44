// ProgramCache: compiled graphs by everything that tells them apart, a bounded number of them; the one that was not
// asked for the longest goes first. One of a very large picture goes with the last job that has it: its kernels take
// memory as the picture is wide, and making them again is nothing beside drawing it. Thread-safe: one is compiled at a
// time, and who uses one keeps it alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "backend/program.h"
#include "core/stop_token.h"
#include "generate/graph_kinds.h"
#include "generate/job_adapters.h"

namespace newbie {

struct CachedProgram {
  ProgramKey key;
  Program program;

  NetworkKind network() const { return network_of(key.graph); }
};

class ProgramCache {
 public:
  using Compile = std::function<Program(const ProgramKey&)>;
  using Forget = std::function<void()>;

  static constexpr size_t kLargestArena = size_t{1} << 30;  // of a program that stays

  // `forget` is called when a large one is gone: what libraries keep of it goes by that.
  ProgramCache(size_t most, Compile compile, Forget forget, size_t largest_arena = kLargestArena)
      : most_(most), largest_arena_(largest_arena), compile_(std::move(compile)), forget_(std::move(forget)) {}

  // Errors of compiling pass through, and leave the cache as it was.
  std::shared_ptr<const CachedProgram> get(const ProgramKey& key);
  size_t size() const;
  void sweep();  // to be called when a job has let go of its programs; while one is compiled, the next call does it

 private:
  struct Item {
    std::shared_ptr<const CachedProgram> program;
    uint64_t used = 0;
  };
  const size_t most_, largest_arena_;
  const Compile compile_;
  const Forget forget_;
  mutable std::mutex mutex_;
  uint64_t clock_ = 0;
  std::map<ProgramKey, Item> items_;
  std::map<ProgramKey, std::weak_ptr<const CachedProgram>> large_;  // that jobs have
};

// The programs of a job, found once and kept as long as it.
class JobPrograms {
 public:
  JobPrograms(ProgramCache& cache, const JobAdapters& adapters) : cache_(cache), adapters_(adapters) {}
  ~JobPrograms() {
    programs_.clear();
    cache_.sweep();
  }
  JobPrograms(const JobPrograms&) = delete;
  JobPrograms& operator=(const JobPrograms&) = delete;
  const CachedProgram& get(ProgramKey key);  // as the job's adapters make it
  // From now on Error{Cancelled} instead of another program, once this is set.
  void stop_at(StopToken stop) { stop_ = stop; }
  const std::map<ProgramKey, std::shared_ptr<const CachedProgram>>& all() const { return programs_; }

 private:
  ProgramCache& cache_;
  const JobAdapters& adapters_;
  StopToken stop_;
  std::map<ProgramKey, std::shared_ptr<const CachedProgram>> programs_;
};

}  // namespace newbie
