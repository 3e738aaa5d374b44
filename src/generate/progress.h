// What a running request tells: stages, steps, memory. apps/ draw it.
#pragma once

#include <cstddef>
#include <string_view>

#include "image/image.h"

namespace newbie {

struct StepReport {
  int picture = 0, pictures = 1;        // which of the batch
  int evaluation = 0, evaluations = 0;  // network evaluations done and in all, of this picture
  double seconds = 0;                   // of the last evaluation
};

// A picture of what the model expects at a step: the clean picture, not the noisy one it works on.
struct PreviewReport {
  int picture = 0;          // which of the batch
  int step = 0, steps = 0;  // done and in all, of this picture's pass
  const Image& image;       // during the call only
};

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void on_stage(std::string_view /*name*/) {}
  virtual void on_step(const StepReport& /*report*/) {}
  virtual void on_preview(const PreviewReport& /*report*/) {}  // when the request asks for previews
};

}  // namespace newbie
