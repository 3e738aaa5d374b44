// TextToImage as jobs use it.
#pragma once

#include "serve/job_engine.h"

namespace newbie {

class TextToImageEngine : public JobEngine {
 public:
  explicit TextToImageEngine(TextToImage engine) : engine_(std::move(engine)) {}

  MemoryPlan plan(const GenerateRequest& request) override;
  PictureSize final_size(const GenerateRequest& request) override;
  GenerateResult draw(const GenerateRequest& request, RunObserver& observer, Log& log, StopToken stop,
                      const OnImage& on_image) override;
  const TextToImage& engine() const { return engine_; }

 private:
  TextToImage engine_;
};

}  // namespace newbie
