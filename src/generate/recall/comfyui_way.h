// The way of a picture through a ComfyUI graph: from where it is saved back to the sampler that made it, and from a
// sampler back to what it began with.
#pragma once

#include "generate/recall/comfyui_reading.h"

namespace newbie {

// A node that draws: it has a prompt and a latent.
bool is_sampler(const ComfyNode& node);

// A node that loads a picture or a latent.
bool is_loaded(const ComfyNode& node);

struct ComfyWay {
  std::vector<const ComfyNode*> between;  // the first is nearest to where the way began
  const ComfyNode* end = nullptr;         // a sampler, an empty latent, a loaded picture; null: none was found
};

class ComfyWays {
 public:
  explicit ComfyWays(ComfyReading& reading);

  // The node that saves the picture; one that nobody builds upon when nothing is saved; null for an empty graph. That
  // other pictures were made of the same graph is told.
  const ComfyNode* saved() const;

  ComfyWay from(const ComfyNode& node) const;

 private:
  const ComfyNode* picture_behind(const ComfyNode& node) const;

  ComfyReading& reading_;
  std::set<const ComfyNode*> used_;          // some node builds upon them
  std::set<const ComfyNode*> with_sampler_;  // a sampler is behind them, or they are one
};

}  // namespace newbie
