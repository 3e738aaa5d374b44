// Prompts of a ComfyUI graph: from what conditions a sampler back to the nodes that encode a text.
#pragma once

#include "generate/recall/comfyui_reading.h"

namespace newbie {

struct ComfyPrompt {
  std::string text, system;
  bool is_zeroed = false;
  const ComfyNode* encoder = nullptr;  // its `clip` says with what
  BracketRule rule = BracketRule::ComfyUi;
};

// What acts on the encoding on the way is told. `which`: "positive", "negative". Nothing when there is no text.
std::optional<ComfyPrompt> comfy_prompt(ComfyReading& reading, const ComfyNode& user, std::string_view input,
                                        std::string_view which);

// Takes both prompts, with their weights as the text encoder reads them there.
void take_prompts(ComfyReading& reading, const std::optional<ComfyPrompt>& positive,
                  const std::optional<ComfyPrompt>& negative);

}  // namespace newbie
