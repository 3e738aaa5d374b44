// VelocityNetwork: the transformer as a function from latent and time to velocity, for one prompt at a time: in one
// program, or in three where a step cache may leave the middle one out.
#pragma once

#include <span>
#include <vector>

#include "diffusion/step_cache.h"
#include "generate/stage_run.h"
#include "generate/stages/stages.h"

namespace newbie {

class VelocityNetwork {
 public:
  // `cache`: room for the streams of the pass that runs and what is remembered of each prompt, if anything is.
  VelocityNetwork(StageRun& run, const Pass& pass, BufferId arena, BufferId cache,
                  const std::vector<Conditioning>& prompts);

  void compute(size_t prompt, std::span<const float> x, float t, std::span<float> velocity);

 private:
  void compute_in_parts(size_t prompt, const ProgramList& parts, Bindings entry, float t, TensorView velocity);

  StageRun& run_;
  const Pass& pass_;
  BufferId arena_;
  const std::vector<Conditioning>& prompts_;
  std::span<float> first_stream_, last_stream_, activated_;
  std::vector<StepCache> caches_;  // of each prompt
};

}  // namespace newbie
