// TextToImage as jobs use it.
#pragma once

#include "serve/job_engine.h"

namespace newbie {

class TextToImageEngine : public JobEngine {
 public:
  // As TextToImage::open() has them.
  TextToImageEngine(ModelPaths paths, const EngineOptions& options, Log& log)
      : paths_(std::move(paths)), options_(options), log_(log), engine_(TextToImage::open(paths_, options, log)) {}

  std::unique_ptr<PreparedDrawing> prepare(const GenerateRequest& request, Log& log, StopToken stop) override;
  PictureSize final_size(const GenerateRequest& request) override;
  std::unique_ptr<JobEngine> in_precision(const std::string& preset) override;
  const TextToImage& engine() const { return engine_; }

 private:
  const ModelPaths paths_;
  const EngineOptions options_;
  Log& log_;
  TextToImage engine_;
};

}  // namespace newbie
