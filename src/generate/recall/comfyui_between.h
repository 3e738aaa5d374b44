// What happens to a latent or a picture between two samplers, in front of the first, or behind the last: it is
// enlarged, taken out of a batch, masked.
#pragma once

#include "generate/recall/comfyui_size.h"
#include "generate/recall/comfyui_way.h"

namespace newbie {

struct ComfyBetween {
  double factor = 1;  // how much larger it became
  bool is_factor_known = true;
  std::optional<ComfySize> size;  // what it became, where that is told
  bool is_enlarged = false;
  bool has_other_proportions = false;
  std::optional<int64_t> batch_index;  // which picture of a batch was taken
};

// `from`: the size it began with, where that is known. `is_empty`: an empty latent, of which only the size matters.
// Nodes that are not understood are told.
ComfyBetween read_between(ComfyReading& reading, const std::vector<const ComfyNode*>& between,
                          const std::optional<ComfySize>& from, bool is_empty);

// A note for a node behind the last sampler, with what it says of sizes.
std::string after_words(const ComfyNode& node);

}  // namespace newbie
