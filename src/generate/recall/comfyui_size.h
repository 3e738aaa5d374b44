// Sizes that ComfyUI's nodes know: of empty latents, and of nodes that offer a list of sizes.
#pragma once

#include "generate/recall/comfyui_reading.h"

namespace newbie {

struct ComfySize {
  int64_t width = 0, height = 0;
};

// Nothing when the node tells none.
std::optional<ComfySize> comfy_size(ComfyReading& reading, const ComfyNode& node);

// One side, of a node that is known to have it at that output.
std::optional<int64_t> comfy_side(ComfyReading& reading, const ComfyNode& node, int64_t slot);

// A node that makes a latent of nothing.
bool is_empty_latent(const ComfyNode& node);

}  // namespace newbie
