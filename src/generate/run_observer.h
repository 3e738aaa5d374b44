// RunObserver: what a running job tells, each event with its place in the timeline. One observer a job; it is called
// from the thread that runs the job. What it throws ends the run and passes through.
#pragma once

#include <cstddef>
#include <span>

#include "generate/stage.h"
#include "image/image.h"

namespace newbie {

// Where in its timeline a run is.
struct RunPlace {
  StageKind stage = StageKind::Plan;
  int pass = 0;                         // 0: the first walk, 1: the hires pass
  int picture = 0, pictures = 1;        // which of the batch; the first where a stage is of all of them
  int evaluation = 0, evaluations = 0;  // of the denoiser, from 1, in this picture's pass; 0 elsewhere
};

// A picture of what the model expects at a step: the clean picture, not the noisy one it works on.
struct Preview {
  int step = 0, steps = 0;  // done and in all, of this picture's pass
  const Image& image;       // during the call only
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on_stage(const RunPlace& /*at*/) {}                     // it begins
  virtual void on_step(const RunPlace& /*at*/, double /*seconds*/) {}  // that evaluation is done, and took so long
  virtual void on_preview(const RunPlace& /*at*/, const Preview& /*preview*/) {}  // when the request asks for previews
  // The normalised latent after interval `step` of a pass, from 0.
  virtual void on_latent(const RunPlace& /*at*/, int /*step*/, std::span<const float> /*latent*/) {}
};

}  // namespace newbie
