// Engine: what all jobs share. The model is immutable; programs, kept weights and reservations are locked; kernels are
// run by one pool. Everything else of a run is its job's own.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "core/log.h"
#include "generate/engine_memory.h"
#include "generate/engine_options.h"
#include "generate/model.h"
#include "generate/network.h"
#include "generate/open_adapters.h"
#include "generate/program_cache.h"
#include "generate/text_cache.h"
#include "generate/weight_cache.h"

namespace newbie {

class Engine {
 public:
  Engine(const ModelPaths& paths, const EngineOptions& options, Log& log);
  // Bytes of a device's memory that jobs may take; 0 without one.
  size_t device_budget() const;

  Log& log;  // of opening, and of jobs that bring none; called by one thread at a time
  const OpenedModel model;
  const Resolution resolution;
  Runtime runtime;
  const size_t budget_bytes;         // 0: what the machine leaves
  const size_t device_budget_bytes;  // 0: what the driver lets us have, less a tenth
  const GuardMode guard_mode;
  const std::optional<TextCache> text_cache;
  std::optional<WeightCache> weight_cache;
  AdapterLibrary adapters;
  ProgramCache programs;
  EngineMemory memory;

  // A network of a job, with nothing loaded.
  Network network(NetworkKind kind);
  // What numbers come out beside weights and ids.
  std::string arithmetic() const;
  // How a program is compiled; `wide`: globs of what runs in f32, beside what its key says.
  CompileOptions compile_options(const ProgramKey& key, std::span<const std::string> wide = {});
  // Whether this kind of graph is another one with its part in f32.
  bool can_widen(const ProgramKey& key);
  // Whether the autoencoder can work in bands of rows: on the host.
  bool can_band() const { return runtime.fuse && !runtime.precision.decompose && !runtime.device; }

 private:
  Engine(const ModelPaths& paths, const EngineOptions& options, Log& log, std::unique_ptr<Backend> backend);

  std::mutex mutex_;
  std::map<GraphKind, bool> can_widen_;  // known of
};

// The networks of a job.
struct Networks {
  Networks(Engine& engine, const JobAdapters& adapters) : Networks(engine) {
    for (const NetworkRow& row : kNetworks) (*this)[row.network].adapt(adapters.over(row.part));
  }
  explicit Networks(Engine& engine)
      : items{engine.network(NetworkKind::Gemma), engine.network(NetworkKind::Jina), engine.network(NetworkKind::Dit),
              engine.network(NetworkKind::Decoder), engine.network(NetworkKind::Encoder)} {}
  Network& operator[](NetworkKind kind) { return items[static_cast<size_t>(kind)]; }
  const Network& operator[](NetworkKind kind) const { return items[static_cast<size_t>(kind)]; }

  std::array<Network, kNetworks.size()> items;
};

}  // namespace newbie
