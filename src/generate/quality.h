// What the words of `quality` stand for: a sampler, a schedule and steps, those that docs/speed.md's table found best
// for what they cost on the embedded model, against pictures that more steps do not change. A request keeps the three;
// the word is another way to say them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/named.h"
#include "generate/request.h"

namespace newbie {

enum class Quality {
  Manual,  // any other sampler, schedule and steps
  Draft,   // to choose among: a quarter of the default's evaluations, small details are off
  Normal,  // hardly to be told from the converged picture
  Fine,    // nearly as near to it as the default, in four sevenths of its evaluations
};

std::span<const Named<Quality>> qualities();

Quality quality_of(const GenerateRequest& request);

// Manual changes nothing. The others take back sigmas by hand, too.
void set_quality(GenerateRequest& request, Quality quality);

// Of the denoiser, for one picture of the request, guidance counted twice: of the pass over these levels, and of all.
// The most, where the picture decides (evaluations_are_bounds()).
int64_t evaluations_of(const GenerateRequest& request, const NoiseLevels& levels);
int64_t evaluations_of(const GenerateRequest& request);

// A tolerance is met, or guidance held, in as many evaluations as the picture needs.
bool evaluations_are_bounds(const GenerateRequest& request);

// "draft: 7 steps, …", for help.
std::string quality_steps();

}  // namespace newbie
