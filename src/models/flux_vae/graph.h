// FLUX.1's autoencoder (spec/vae.md §§2–4), channels last, one picture at a time.
#pragma once

#include "graph/graph.h"
#include "models/flux_vae/config.h"

namespace newbie {

// Input  "latent" [latent_channels, h, w]: raw latent (normalised / scaling + shift).
// Output "picture" [8h, 8w, 3] in about [−1, 1], channels last.
Graph flux_vae_decoder(const FluxVaeConfig& config, int64_t height, int64_t width);

// Input  "picture" [H, W, 3] in [−1, 1], channels last; H and W are multiples of downscale().
// Output "moments" [2 · latent_channels, h, w]: mean, then log-variance, of the raw latent.
Graph flux_vae_encoder(const FluxVaeConfig& config, int64_t height, int64_t width);

}  // namespace newbie
