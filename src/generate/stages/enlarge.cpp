// Between two passes: a small picture is decoded, enlarged and encoded.
#include "generate/job_programs.h"
#include "generate/stages/autoencoder.h"
#include "image/resize.h"

namespace newbie {

Stage before_enlarging_stage(Draft& draft) {
  const PreparedRequest& p = draft.job.prepared;
  const Bands bands = draft.variant.bands;
  draft.carried.enlarged = draft.buffer(
      "enlarged latents", draft.job.sizes().latent(p.last()) * static_cast<size_t>(draft.job.request().batch));
  Stage stage{.kind = StageKind::Enlarge, .pass = 0, .acts = {}};
  if (draft.carried.picture) stage.acts.emplace_back(Give{*draft.carried.picture});
  if (draft.carried.mask) stage.acts.emplace_back(Give{*draft.carried.mask});
  if (draft.variant.frees_each()) stage.acts.emplace_back(Free{NetworkKind::Dit});
  stage.acts.emplace_back(Take{draft.carried.enlarged});
  stage.acts.emplace_back(Load{NetworkKind::Decoder, decoder_programs(draft.job, bands)});
  stage.acts.emplace_back(Load{NetworkKind::Encoder, {&encoder_program(draft.job, p.last(), bands)}});
  return stage;
}

Stage enlarge_stage(Draft& draft) {
  const Pass& pass = draft.job.prepared.first();
  const Bands bands = draft.variant.bands;
  const DecoderBuffers buffers = decoder_buffers(draft, pass);
  Stage stage{.kind = StageKind::Enlarge, .pass = 0, .acts = {}};
  append_work(
      stage.acts, buffers.all(),
      {decoder_programs(draft.job, pass, bands), [=, from = draft.carried.latents, pass = &pass](StageRun& run) {
         run.state.picture = decode_latent(run, *pass, bands, buffers, latent_of(run, from, *pass), Guarded::Yes);
       }});
  return stage;
}

Stage encode_stage(Draft& draft) {
  const Pass& pass = draft.job.prepared.last();
  const Bands bands = draft.variant.bands;
  const EncoderBuffers buffers = encoder_buffers(draft, pass);
  Stage stage{.kind = StageKind::Encode, .pass = 1, .acts = {}};
  append_work(
      stage.acts, buffers.all(),
      {{&encoder_program(draft.job, pass, bands)}, [=, to = draft.carried.enlarged, pass = &pass](StageRun& run) {
         const Image small = std::exchange(run.state.picture, {});
         const Image large =
             resize_lanczos(small, static_cast<int>(pass->size.width), static_cast<int>(pass->size.height));
         encode_image(run, *pass, bands, buffers, large, latent_of(run, to, *pass));
       }});
  return stage;
}

Stage after_enlarging_stage(Draft& draft) {
  Stage stage{.kind = StageKind::Encode, .pass = 1, .acts = {Free{NetworkKind::Encoder}}};
  if (draft.variant.frees_each() && !draft.job.prepared.decodes_previews)
    stage.acts.emplace_back(Free{NetworkKind::Decoder});
  stage.acts.emplace_back(Give{draft.carried.latents});
  return stage;
}

}  // namespace newbie
