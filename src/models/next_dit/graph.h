// NextDiT with pooled text (spec/nextdit.md §§4–8), one sample at a time, no padding. Two graphs: what depends on the
// prompt alone, and one denoiser step; and other cuts of the same.
#pragma once

#include "graph/graph.h"
#include "models/next_dit/config.h"

namespace newbie {

// Input  "caption" [L, caption_width]: Gemma features.
// Output "context" [L, C]: caption tokens after cap_embedder and context_refiner.
Graph next_dit_context(const NextDitConfig& config, int64_t caption_tokens);

// Inputs "latent" [latent_channels, h, w] (normalised), "time" [1] (0 noise … 1 data), "context" [L, C],
//        "pooled" [pooled_width].
// Output "velocity" [latent_channels, h, w]: dx/dt = data − noise. h and w are multiples of the patch.
Graph next_dit_step(const NextDitConfig& config, int64_t caption_tokens, int64_t height, int64_t width);

// Both as one, from "caption" instead of "context": what training goes back through.
Graph next_dit(const NextDitConfig& config, int64_t caption_tokens, int64_t height, int64_t width);

// The same step in three, for caches that leave out the middle one (diffusion/step_cache.h).
// First: inputs as above, outputs "stream" [L + tokens, C] behind the first joint layer and "activated"
// [1, conditioning]. Rest: these in, "stream" behind the other layers out. Last: these in, "velocity" out.
Graph next_dit_first(const NextDitConfig& config, int64_t caption_tokens, int64_t height, int64_t width);
Graph next_dit_rest(const NextDitConfig& config, int64_t caption_tokens, int64_t height, int64_t width);
Graph next_dit_last(const NextDitConfig& config, int64_t caption_tokens, int64_t height, int64_t width);

}  // namespace newbie
