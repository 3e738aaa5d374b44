#include "generate/stages/autoencoder.h"

#include "generate/job_programs.h"

namespace newbie {

namespace {

// Takes a tile's part out of a latent and undoes its scaling.
void take_tile(const OpenedModel& model, const Pass& pass, const TileSpan& row, const TileSpan& column,
               std::span<const float> latent, float* to) {
  const FluxVaeConfig& sizes = model.vae.sizes;
  for (int64_t c = 0; c < sizes.latent_channels; ++c)
    for (int64_t y = row.first; y < row.first + row.count; ++y)
      for (int64_t x = column.first; x < column.first + column.count; ++x)
        *to++ = latent[static_cast<size_t>((c * pass.h + y) * pass.w + x)] / static_cast<float>(sizes.scaling_factor) +
                static_cast<float>(sizes.shift_factor);
}

// Decodes tile by tile.
class TileDecoder {
 public:
  TileDecoder(StageRun& run, const Pass& pass, Bands bands, const DecoderBuffers& buffers,
              std::span<const float> latent)
      : run_(run), pass_(pass), bands_(bands), buffers_(buffers), latent_(latent) {}

  // Fills the latent's buffer and says what is to be run on it.
  const CachedProgram& prepare(const TileSpan& row, const TileSpan& column, Bindings& bindings) {
    const FluxVaeConfig& sizes = run_.job.model().vae.sizes;
    const int64_t scale = sizes.downscale();
    take_tile(run_.job.model(), pass_, row, column, latent_, run_.buffer(buffers_.latent).as<float>());
    bindings.inputs["latent"] = run_.view(buffers_.latent, {sizes.latent_channels, row.count, column.count});
    bindings.outputs["picture"] =
        run_.view(pass_.tiled() ? buffers_.tile : buffers_.picture, {row.count * scale, column.count * scale, 3});
    return decoder_program(run_.job, row.count, column.count, bands_);
  }

  Image decode(Guarded guarded) {
    const int64_t scale = run_.job.model().vae.sizes.downscale();
    TileBlender blender(pass_.rows, pass_.columns, scale, run_.floats(buffers_.picture), run_.floats(buffers_.strips));
    for (size_t i = 0; i < pass_.rows.size(); ++i)
      for (size_t j = 0; j < pass_.columns.size(); ++j) {
        Bindings bindings;
        const CachedProgram& program = prepare(pass_.rows[i], pass_.columns[j], bindings);
        if (guarded == Guarded::Yes)
          run_.run(program, buffers_.arena, bindings);
        else
          run_.run_unguarded(program, buffers_.arena, bindings);
        if (pass_.tiled()) blender.add(i, j, run_.floats(buffers_.tile));
      }
    return from_signed_floats(run_.floats(buffers_.picture), static_cast<int>(pass_.size.width),
                              static_cast<int>(pass_.size.height));
  }

 private:
  StageRun& run_;
  const Pass& pass_;
  Bands bands_;
  const DecoderBuffers& buffers_;
  std::span<const float> latent_;
};

}  // namespace

DecoderBuffers decoder_buffers(Draft& draft, const Pass& pass, std::optional<BufferId> arena) {
  const BufferSizes sizes = draft.job.sizes();
  return {
      .arena = arena ? *arena : draft.arena("decoder arena", decoder_programs(draft.job, pass, draft.variant.bands)),
      .latent = draft.buffer("raw latent", sizes.tile_latent(pass)),
      .picture = draft.buffer("decoded picture", sizes.picture(pass)),
      .tile = draft.buffer("decoded tile", sizes.tile(pass)),
      .strips = draft.buffer("borders of tiles", sizes.strips(pass))};
}

Image decode_latent(StageRun& run, const Pass& pass, Bands bands, const DecoderBuffers& buffers,
                    std::span<const float> latent, Guarded guarded) {
  TileDecoder decoder(run, pass, bands, buffers, latent);
  Image out = decoder.decode(guarded);
  if (guarded == Guarded::No) return out;
  Bindings bindings;
  const CachedProgram& program = decoder.prepare(pass.rows.front(), pass.columns.front(), bindings);
  run.guard.check_picture(out, run.task(program, buffers.arena, bindings), [&] { return decoder.decode(guarded); });
  run.guard.end_stage(run.networks[NetworkKind::Decoder]);
  return out;
}

EncoderBuffers encoder_buffers(Draft& draft, const Pass& pass) {
  const BufferSizes sizes = draft.job.sizes();
  return {.arena = draft.arena("encoder arena", {&encoder_program(draft.job, pass, draft.variant.bands)}),
          .picture = draft.buffer("picture to encode", sizes.picture(pass)),
          .moments = draft.buffer("moments", 2 * sizes.latent(pass))};
}

void encode_image(StageRun& run, const Pass& pass, Bands bands, const EncoderBuffers& buffers, const Image& image,
                  std::span<float> latent) {
  const FluxVaeConfig& sizes = run.job.model().vae.sizes;
  to_signed_floats(image, run.floats(buffers.picture));
  Bindings b;
  b.inputs["picture"] = run.view(buffers.picture, {pass.size.height, pass.size.width, 3});
  b.outputs["moments"] = run.view(buffers.moments, {2 * sizes.latent_channels, pass.h, pass.w});
  run.run(encoder_program(run.job, pass, bands), buffers.arena, b);
  run.guard.end_stage(run.networks[NetworkKind::Encoder]);
  const std::span<const float> moments = run.floats(buffers.moments);
  for (size_t i = 0; i < latent.size(); ++i)
    latent[i] = (moments[i] - static_cast<float>(sizes.shift_factor)) * static_cast<float>(sizes.scaling_factor);
}

std::span<float> latent_of(const StageRun& run, BufferId all, const Pass& pass) {
  const size_t count = run.job.sizes().latent_elements(pass);
  return run.floats(all).subspan(static_cast<size_t>(run.at.picture) * count, count);
}

}  // namespace newbie
