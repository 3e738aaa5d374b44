// Bytes of the buffers that a request works in, beside weights and arenas.
#pragma once

#include <cstddef>

#include "diffusion/step_cache.h"
#include "generate/model.h"
#include "generate/prepared_request.h"

namespace newbie {

class BufferSizes {
 public:
  // Both must outlive this.
  BufferSizes(const OpenedModel& model, const PreparedRequest& request) : model_(model), request_(request) {}

  // Text.
  size_t features(const TokenizedPrompt& prompt) const;  // [L, caption_width]
  size_t pooled() const;                                 // [pooled_width]
  size_t context(const TokenizedPrompt& prompt) const;   // [L, dim]
  // What weights below 1 need beside the features: those of an encoding with hidden tokens, and which they are.
  size_t hidden() const;

  // Latents.
  size_t latent_elements(const Pass& pass) const;
  size_t latent(const Pass& pass) const { return latent_elements(pass) * sizeof(float); }
  size_t mask(const Pass& pass) const;
  // Velocities, the vectors the sampler works in, and for a mask the noise and what the network is shown.
  size_t walk(const Pass& pass) const;

  // A step cache: the stream behind the first and the last layer and the modulating vector of the pass that runs, and
  // what is remembered of each prompt.
  size_t stream_elements(const TokenizedPrompt& prompt, const Pass& pass) const;
  size_t longest_stream_elements(const Pass& pass) const;
  size_t step_cache(const Pass& pass) const;

  // Pictures.
  size_t picture(const Pass& pass) const;  // [height, width, 3]
  size_t tile_latent(const Pass& pass) const;
  size_t tile(const Pass& pass) const;    // decoded; 0 when it is the picture
  size_t strips(const Pass& pass) const;  // borders that later tiles blend with

 private:
  const OpenedModel& model_;
  const PreparedRequest& request_;
};

}  // namespace newbie
