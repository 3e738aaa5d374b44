// ProgramCache: compiled graphs by everything that tells them apart, a bounded number of them; the one that was not
// asked for the longest goes first. Libraries keep memory for the kernels of a convolution as its rows are long, in no
// plan: so columns are bounded, too. A program that is very large, or wide, goes with the last job that has it: making
// it again is nothing beside drawing with it. Thread-safe: one is compiled at a time, which only those wait for who
// need one that is not there; who uses one keeps it alive.
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

  struct Limits {
    size_t programs = 96;                  // a request with guidance, a step cache and a hires pass has two dozen
    size_t arena_bytes = size_t{1} << 30;  // of a program that stays
    size_t columns = size_t{1} << 18;      // of all that stay; of one of them a quarter
  };

  // `forget` is called when much is gone: what libraries keep of it goes by that.
  ProgramCache(const Limits& limits, Compile compile, Forget forget)
      : limits_(limits), compile_(std::move(compile)), forget_(std::move(forget)) {}

  // Errors of compiling pass through, and leave the cache as it was.
  std::shared_ptr<const CachedProgram> get(const ProgramKey& key);
  size_t size() const;
  void sweep();  // to be called when a job has let go of its programs

 private:
  struct Item {
    std::shared_ptr<const CachedProgram> program;
    size_t columns = 0;
    uint64_t used = 0;
  };
  std::shared_ptr<const CachedProgram> find(const ProgramKey& key);  // null: it is not there
  bool keep(std::shared_ptr<const CachedProgram> made);              // true: it is time to forget

  const Limits limits_;
  const Compile compile_;
  const Forget forget_;
  std::mutex compiling_;      // held for seconds; never taken while mutex_ is held
  mutable std::mutex mutex_;  // of all below
  uint64_t clock_ = 0;
  size_t columns_ = 0, columns_gone_ = 0;  // of items_; of what has left them since forget_ was called
  std::map<ProgramKey, Item> items_;
  std::map<ProgramKey, std::weak_ptr<const CachedProgram>> large_;  // that jobs have
};

// Of the results of its convolutions, one by one.
size_t columns_of(const Program& program);

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
