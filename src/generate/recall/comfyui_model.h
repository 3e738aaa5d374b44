// What ComfyUI's nodes do to a model and to its text encoders: adapters, shift, guidance; the loader where both begin.
#pragma once

#include "generate/recall/comfyui_reading.h"

namespace newbie {

struct ComfyAdapter {
  std::string name;
  double model = 1, clip = 1;  // its strengths
  bool operator==(const ComfyAdapter&) const = default;
};

// The nodes between a loader and the one that uses what it loads, in the order in which they act.
struct ComfyChain {
  const ComfyNode* loader = nullptr;
  std::vector<const ComfyNode*> nodes;
};
ComfyChain comfy_chain(const ComfyReading& reading, const ComfyNode& user, std::string_view input);

struct ComfyModel {
  const ComfyNode* loader = nullptr;
  std::vector<ComfyAdapter> adapters;
  std::map<std::string, OrderedJson> fields;  // of ours
  bool has_text_encoder = false;              // `clip` of the adapters was found
};

// What the two chains say together; nodes that are not understood are told.
ComfyModel comfy_model(ComfyReading& reading, const ComfyChain& model, const ComfyChain& clip);

void take_model(ComfyReading& reading, const ComfyModel& model);

// What another pass had, that draws with the model of the first here.
void tell_model_differences(ComfyReading& reading, const ComfyModel& first, const ComfyModel& other,
                            std::string_view pass);

}  // namespace newbie
