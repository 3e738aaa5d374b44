// Our own nodes for ComfyUI (integrations/comfyui): their inputs are fields of a request.
#pragma once

#include "generate/recall/comfyui_way.h"

namespace newbie {

bool is_own_sampler(const ComfyNode& node);

// The request of our sampler at the end of `after`, and what acts on its picture then.
void take_own_sampler(ComfyReading& reading, const ComfyWay& after);

}  // namespace newbie
