#include "serve/text_to_image_engine.h"

#include "compile/precision.h"
#include "generate/job.h"

namespace newbie {

MemoryPlan TextToImageEngine::plan(const GenerateRequest& request) { return engine_.plan(request); }

PictureSize TextToImageEngine::final_size(const GenerateRequest& request) { return engine_.final_size(request); }

GenerateResult TextToImageEngine::draw(const GenerateRequest& request, RunObserver& observer, Log& log, StopToken stop,
                                       const OnImage& on_image) {
  return engine_.prepare(request, {.log = &log}).run(observer, stop, on_image);
}

// Files are mapped once for all engines; what this one keeps loaded goes with it.
std::unique_ptr<JobEngine> TextToImageEngine::in_precision(const std::string& preset) {
  const std::optional<PrecisionPreset> found = find_precision_preset(preset);
  if (!found)
    throw Error(ErrorKind::InvalidRequest, fmt::format("there is no precision '{}'", preset),
                "GET /v1/capabilities lists them", "precision");
  EngineOptions options = options_;
  options.precision = *found;
  return std::make_unique<TextToImageEngine>(paths_, options, log_);
}

}  // namespace newbie
