// One use of the autoencoder, in buffers that a stage has taken: a latent becomes a picture, a picture a latent.
#pragma once

#include <optional>
#include <vector>

#include "generate/stage_run.h"
#include "generate/stages/stages.h"

namespace newbie {

struct DecoderBuffers {
  BufferId arena, latent, picture, tile, strips;

  std::vector<BufferId> all() const { return {arena, latent, picture, tile, strips}; }
};
// `arena`: one that is large enough and there already.
DecoderBuffers decoder_buffers(Draft& draft, const Pass& pass, std::optional<BufferId> arena = std::nullopt);

// A normalised latent decoded, on tiles where the pass has them. Unguarded for previews.
enum class Guarded { No, Yes };
Image decode_latent(StageRun& run, const Pass& pass, Bands bands, const DecoderBuffers& buffers,
                    std::span<const float> latent, Guarded guarded);

struct EncoderBuffers {
  BufferId arena, picture, moments;

  std::vector<BufferId> all() const { return {arena, picture, moments}; }
};
EncoderBuffers encoder_buffers(Draft& draft, const Pass& pass);

// The normalised mode of the encoder's distribution: nothing is drawn at random.
void encode_image(StageRun& run, const Pass& pass, Bands bands, const EncoderBuffers& buffers, const Image& image,
                  std::span<float> latent);

// The latent of one picture of a batch.
std::span<float> latent_of(const StageRun& run, BufferId all, const Pass& pass);

}  // namespace newbie
