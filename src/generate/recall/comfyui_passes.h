// How a ComfyUI graph drew its picture: the walks over noise levels, each a sampler or several that go on where the one
// before stopped, and what lies between them.
#pragma once

#include "generate/recall/comfyui_model.h"
#include "generate/recall/comfyui_prompt.h"
#include "generate/recall/comfyui_way.h"

namespace newbie {

// What a sampler node says, whichever of its forms it has.
struct ComfyPass {
  const ComfyNode *node = nullptr, *guider = nullptr, *noise = nullptr, *sampler = nullptr, *sigmas = nullptr;
  const ComfyNode* split = nullptr;  // takes a part of the noise levels
  ComfyWay before;                   // to what it began with
  const ComfyNode& conditioned() const { return guider != nullptr ? *guider : *node; }
  const ComfyNode& seeded() const { return noise != nullptr ? *noise : *node; }
  const ComfyNode& stepped() const { return sigmas != nullptr ? *sigmas : *node; }
};

// From the first sampler to the last one.
std::vector<ComfyPass> comfy_passes(const ComfyReading& reading, const ComfyWays& ways, const ComfyNode& last);

// What passes say, as the request that draws them. `after`: from the last of them to the picture; what acts there is
// told.
void take_passes(ComfyReading& reading, const std::vector<ComfyPass>& passes, const ComfyWay& after);

}  // namespace newbie
