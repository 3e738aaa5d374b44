// What jobs ask of an engine: the narrow side of TextToImage, so that tests can put a made-up one in its place.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/log.h"
#include "core/stop_token.h"
#include "generate/text_to_image.h"

namespace newbie {

// Every member may be called from several threads at a time.
class JobEngine {
 public:
  using OnImage = std::function<void(GeneratedImage)>;
  virtual ~JobEngine() = default;

  // As TextToImage has them: what a request will take, without taking it; and its pictures.
  virtual MemoryPlan plan(const GenerateRequest& request) = 0;
  virtual PictureSize final_size(const GenerateRequest& request) = 0;
  // `log` gets what is to be told about this request.
  virtual GenerateResult draw(const GenerateRequest& request, RunObserver& observer, Log& log, StopToken stop,
                              const OnImage& on_image) = 0;

  // The same model computed in other numbers, for one job: a name of precision_presets(). Error{InvalidRequest} for
  // none of them, else as opening an engine throws.
  virtual std::unique_ptr<JobEngine> in_precision(const std::string& preset) = 0;
};

}  // namespace newbie
