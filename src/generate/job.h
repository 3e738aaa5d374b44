// Job: one request, checked, tokenised and compiled once. It says what it will take, and draws by that.
//
//   Job job = engine.prepare(request);
//   show(job.plan());
//   job.run(observer, stop, [&](GeneratedImage picture) { save(picture); });
#pragma once

#include <functional>
#include <memory>

#include "core/stop_token.h"
#include "generate/memory_plan.h"
#include "generate/request.h"
#include "generate/result.h"
#include "generate/run_observer.h"

namespace newbie {

// Made by TextToImage::prepare(), whose engine must outlive it. Failures as TextToImage says.
class Job {
 public:
  ~Job();
  Job(Job&&) noexcept;
  Job& operator=(Job&&) noexcept;

  const GenerateRequest& request() const;
  PictureSize size() const;  // of the pictures it will give

  // Every byte, stage by stage, before anything is allocated.
  const MemoryPlan& plan() const;
  // The same, with what streaming costs in seconds: one streamed weight of each part is read to see.
  MemoryPlan plan_with_times() const;

  // Draws request().batch pictures and gives each to `on_image` as it is finished; may be called again, and draws the
  // same. The result carries the plan it used, which is plan()'s unless what the engine holds has changed since.
  // Error{Cancelled} within one block of the network after `stop` was set. A failed run leaves engine and job as good
  // as new.
  GenerateResult run(RunObserver& observer, StopToken stop, const std::function<void(GeneratedImage)>& on_image);

 private:
  friend class TextToImage;
  struct Impl;
  explicit Job(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace newbie
