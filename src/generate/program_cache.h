// ProgramCache: compiled graphs by everything that tells them apart, a bounded number of them; the one that was not
// asked for the longest goes first. Thread-safe: one is compiled at a time, and who uses one keeps it alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "backend/program.h"
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

  ProgramCache(size_t most, Compile compile) : most_(most), compile_(std::move(compile)) {}

  // Errors of compiling pass through, and leave the cache as it was.
  std::shared_ptr<const CachedProgram> get(const ProgramKey& key);
  size_t size() const;

 private:
  struct Item {
    std::shared_ptr<const CachedProgram> program;
    uint64_t used = 0;
  };
  const size_t most_;
  const Compile compile_;
  mutable std::mutex mutex_;
  uint64_t clock_ = 0;
  std::map<ProgramKey, Item> items_;
};

// The programs of a job, found once and kept as long as it.
class JobPrograms {
 public:
  JobPrograms(ProgramCache& cache, const JobAdapters& adapters) : cache_(cache), adapters_(adapters) {}
  const CachedProgram& get(ProgramKey key);  // as the job's adapters make it
  const std::map<ProgramKey, std::shared_ptr<const CachedProgram>>& all() const { return programs_; }

 private:
  ProgramCache& cache_;
  const JobAdapters& adapters_;
  std::map<ProgramKey, std::shared_ptr<const CachedProgram>> programs_;
};

}  // namespace newbie
