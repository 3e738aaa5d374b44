#include "generate/buffer_sizes.h"

#include <algorithm>

namespace newbie {

namespace {

size_t floats(int64_t count) { return static_cast<size_t>(count) * sizeof(float); }

}  // namespace

size_t BufferSizes::features(const TokenizedPrompt& t) const {
  return floats(t.caption_tokens() * model_.text_encoder.sizes.width);
}

size_t BufferSizes::pooled() const { return floats(model_.clip_model.sizes.width); }

size_t BufferSizes::context(const TokenizedPrompt& t) const {
  return floats(t.caption_tokens() * model_.transformer.sizes.dim);
}

size_t BufferSizes::hidden() const {
  size_t out = 0;
  for (const TokenizedPrompt& t : request_.prompts)
    if (t.hides()) out = std::max(out, features(t) + floats(t.caption_tokens()));
  return out;
}

size_t BufferSizes::latent_elements(const Pass& pass) const {
  return static_cast<size_t>(model_.transformer.sizes.latent_channels * pass.h * pass.w);
}

size_t BufferSizes::mask(const Pass& pass) const { return floats(pass.h * pass.w); }

size_t BufferSizes::walk(const Pass& pass) const {
  return latent(pass) * (static_cast<size_t>(request_.sampler->state_vectors) + request_.prompts.size() +
                         (request_.masked() ? 2 : 0) + (request_.holds_guidance() ? 1 : 0));
}

size_t BufferSizes::stream_elements(const TokenizedPrompt& t, const Pass& pass) const {
  const int64_t patch = model_.transformer.sizes.patch;
  return static_cast<size_t>((t.caption_tokens() + pass.h / patch * (pass.w / patch)) * model_.transformer.sizes.dim);
}

size_t BufferSizes::longest_stream_elements(const Pass& pass) const {
  size_t out = 0;
  for (const TokenizedPrompt& t : request_.prompts) out = std::max(out, stream_elements(t, pass));
  return out;
}

size_t BufferSizes::step_cache(const Pass& pass) const {
  const CacheMode mode = request_.request.cache.mode;
  if (mode == CacheMode::Off) return 0;
  size_t out = 2 * longest_stream_elements(pass) + static_cast<size_t>(model_.transformer.sizes.conditioning);
  for (const TokenizedPrompt& t : request_.prompts) out += StepCache::memory_floats(mode, stream_elements(t, pass));
  return out * sizeof(float);
}

size_t BufferSizes::picture(const Pass& pass) const { return floats(pass.size.width * pass.size.height * 3); }

size_t BufferSizes::tile_latent(const Pass& pass) const {
  return floats(model_.transformer.sizes.latent_channels * pass.rows.front().count * pass.columns.front().count);
}

size_t BufferSizes::tile(const Pass& pass) const {
  if (!pass.tiled()) return 0;
  const int64_t scale = model_.vae.sizes.downscale();
  return floats(pass.rows.front().count * pass.columns.front().count * scale * scale * 3);
}

size_t BufferSizes::strips(const Pass& pass) const {
  if (!pass.tiled()) return 0;
  return TileBlender::strip_floats(pass.rows, pass.columns, model_.vae.sizes.downscale()) * sizeof(float);
}

}  // namespace newbie
