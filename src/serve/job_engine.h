// What jobs ask of an engine: the narrow side of TextToImage, so that tests can put a made-up one in its place.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/log.h"
#include "core/stop_token.h"
#include "generate/text_to_image.h"

namespace newbie {

// A request that is read and planned, its programs made: what is left is to draw it.
class PreparedDrawing {
 public:
  using OnImage = std::function<void(GeneratedImage)>;
  virtual ~PreparedDrawing() = default;

  virtual const MemoryPlan& plan() const = 0;
  virtual GenerateResult draw(RunObserver& observer, StopToken stop, const OnImage& on_image) = 0;  // as Job::run()
};

// Every member may be called from several threads at a time.
class JobEngine {
 public:
  virtual ~JobEngine() = default;

  // As TextToImage::prepare(): Error{Cancelled} soon after `stop` is set. `log` gets what is to be told about this
  // request, for as long as what comes back is there; the engine must outlive that, too.
  virtual std::unique_ptr<PreparedDrawing> prepare(const GenerateRequest& request, Log& log, StopToken stop) = 0;
  virtual PictureSize final_size(const GenerateRequest& request) = 0;

  // The same model computed in other numbers, for one job: a name of precision_presets(). Error{InvalidRequest} for
  // none of them, else as opening an engine throws.
  virtual std::unique_ptr<JobEngine> in_precision(const std::string& preset) = 0;
};

}  // namespace newbie
