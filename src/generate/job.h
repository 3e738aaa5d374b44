// Job: one request, checked, tokenised and compiled once. It says what it will take, and draws by that.
//
//   Job job = engine.prepare(request);
//   show(job.plan());
//   job.run(observer, stop, [&](GeneratedImage picture) { save(picture); });
//
// A job's plan and its run are two readings of one timeline (generate/timeline.h).
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "core/log.h"
#include "core/stop_token.h"
#include "generate/engine_memory.h"
#include "generate/memory_plan.h"
#include "generate/request.h"
#include "generate/result.h"
#include "generate/run_observer.h"

namespace newbie {

class Engine;
struct Pass;

struct JobOptions {
  Log* log = nullptr;  // of this job; null: the engine's. Must outlive the job
  WhenFull when_full = WhenFull::Wait;
  StopToken stop;  // of preparing it: Error{Cancelled} before the next program that is built or way that is tried
};

// Made by TextToImage::prepare(), whose engine must outlive it; failures are those that TextToImage tells. One thread
// at a time; any number of jobs of an engine, each in its own thread.
class Job {
 public:
  Job(Engine& engine, const GenerateRequest& request, const JobOptions& options);
  ~Job();
  Job(Job&&) noexcept;
  Job& operator=(Job&&) noexcept;

  const GenerateRequest& request() const;
  PictureSize size() const;  // of the pictures it will give
  // Its walks, with size and noise levels of each (generate/prepared_request.h).
  std::span<const Pass> passes() const;
  // GeneratedImage::request_json of picture `k`, without what the guard will have done.
  std::string request_json(int k) const;

  // Every byte, stage by stage, before anything is allocated.
  const MemoryPlan& plan() const;
  // The same, with what streaming costs in seconds: one streamed weight of each part is read to see.
  MemoryPlan plan_with_times() const;

  // Reserves what the plan says, waiting for other jobs or refusing to as JobOptions say; then draws request().batch
  // pictures and gives each to `on_image` as it is finished. May be called again, and draws the same. The result
  // carries the plan it used, which is plan()'s unless what the engine keeps loaded has changed since. Error{Cancelled}
  // within one block of the network after `stop` was set. A failed run leaves engine and job as good as new.
  GenerateResult run(RunObserver& observer, StopToken stop, const std::function<void(GeneratedImage)>& on_image);

  // Of its networks, at this moment: for the observer of its run.
  size_t weights_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace newbie
