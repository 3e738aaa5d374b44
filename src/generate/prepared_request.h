// PreparedRequest: a request after everything is known that can be known without weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diffusion/sampler.h"
#include "generate/job_adapters.h"
#include "generate/latent_preview.h"
#include "generate/request.h"
#include "generate/vae_tiles.h"

namespace newbie {

// One text after tokenising: ids for both encoders.
struct TokenizedPrompt {
  std::vector<int32_t> gemma, jina;
  std::vector<float> gemma_weights;  // empty: all are 1
  // Of the text cache.
  std::optional<std::vector<float>> cached_features, cached_pooled;

  bool hides() const;  // weights that need an encoding with hidden tokens
  int64_t caption_tokens() const { return static_cast<int64_t>(gemma.size()); }
  int64_t jina_tokens() const { return static_cast<int64_t>(jina.size()); }
};

// One walk from noise, or from a noised picture, to a latent.
struct Pass {
  int index = 0;  // 0: the first, 1: the hires pass
  PictureSize size;
  int64_t h = 0, w = 0;  // latent
  NoiseLevels noise;
  std::vector<TileSpan> rows, columns;  // the tiles it is decoded in

  bool tiled() const { return rows.size() * columns.size() > 1; }
  int intervals() const { return static_cast<int>(noise.sigmas.size()) - 1; }
};

struct PreparedRequest {
  GenerateRequest request;  // with every adapter's hash, and without those in its prompts
  JobAdapters adapters;
  std::vector<Pass> passes;  // the first, and the hires pass if there is one
  const Sampler* sampler = nullptr;
  std::string system_prompt;
  std::vector<TokenizedPrompt> prompts;  // the prompt, and the negative one where guidance needs it
  std::optional<PreviewFactors> preview_factors;
  bool decodes_previews = false;

  const Pass& first() const { return passes.front(); }
  const Pass& last() const { return passes.back(); }
  bool hires() const { return passes.size() > 1; }
  bool starts_from_picture() const { return request.init_image.has_value(); }
  bool masked() const { return starts_from_picture() && request.mask.has_value(); }
  bool guided() const { return prompts.size() > 1; }
  bool holds_guidance() const { return guided() && request.cfg_hold > 0; }
  uint64_t seed_of(int picture) const;
  PictureSize final_size() const;  // of the pictures it gives
};

}  // namespace newbie
