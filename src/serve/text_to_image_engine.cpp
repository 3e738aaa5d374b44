#include "serve/text_to_image_engine.h"

#include "generate/job.h"

namespace newbie {

MemoryPlan TextToImageEngine::plan(const GenerateRequest& request) { return engine_.plan(request); }

PictureSize TextToImageEngine::final_size(const GenerateRequest& request) { return engine_.final_size(request); }

GenerateResult TextToImageEngine::draw(const GenerateRequest& request, RunObserver& observer, Log& log, StopToken stop,
                                       const OnImage& on_image) {
  return engine_.prepare(request, {.log = &log}).run(observer, stop, on_image);
}

}  // namespace newbie
