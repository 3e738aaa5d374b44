#include "serve/text_to_image_engine.h"

#include "compile/precision.h"
#include "generate/job.h"

namespace newbie {

namespace {

class JobDrawing : public PreparedDrawing {
 public:
  explicit JobDrawing(Job job) : job_(std::move(job)) {}
  const MemoryPlan& plan() const override { return job_.plan(); }
  GenerateResult draw(RunObserver& observer, StopToken stop, const OnImage& on_image) override {
    return job_.run(observer, stop, on_image);
  }

 private:
  Job job_;
};

}  // namespace

std::unique_ptr<PreparedDrawing> TextToImageEngine::prepare(const GenerateRequest& request, Log& log, StopToken stop) {
  return std::make_unique<JobDrawing>(engine_.prepare(request, {.log = &log, .stop = stop}));
}

PictureSize TextToImageEngine::final_size(const GenerateRequest& request) { return engine_.final_size(request); }

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
