#include "serve/text_to_image_engine.h"

#include "generate/job.h"

namespace newbie {

MemoryPlan TextToImageEngine::plan(const GenerateRequest& request) {
  const std::lock_guard lock(mutex_);
  return engine_.prepare(request).plan();
}

PictureSize TextToImageEngine::final_size(const GenerateRequest& request) { return engine_.final_size(request); }

GenerateResult TextToImageEngine::draw(const GenerateRequest& request, RunObserver& observer, Log& log, StopToken stop,
                                       const OnImage& on_image) {
  static_cast<void>(log);  // TextToImage has one of its own
  const std::lock_guard lock(mutex_);
  return engine_.prepare(request).run(observer, stop, on_image);
}

}  // namespace newbie
