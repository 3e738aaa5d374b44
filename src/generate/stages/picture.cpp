// The picture to start from: its latent, and the mask behind it, are what the first pass is held to.
#include "generate/job_programs.h"
#include "generate/stages/autoencoder.h"

namespace newbie {

Stage picture_stage(Draft& draft) {
  const PreparedRequest& p = draft.job.prepared;
  const Bands bands = draft.variant.bands;
  const BufferSizes sizes = draft.job.sizes();
  const CachedProgram* program = &encoder_program(draft.job, p.first(), bands);
  const EncoderBuffers buffers = encoder_buffers(draft, p.first());
  draft.carried.picture = draft.buffer("picture", sizes.latent(p.first()));
  if (p.masked()) draft.carried.mask = draft.buffer("mask", sizes.mask(p.first()));
  const Carried carried = draft.carried;

  Stage stage{.kind = StageKind::Picture, .pass = 0, .acts = {}};
  stage.acts.emplace_back(Take{*carried.picture});
  if (carried.mask) stage.acts.emplace_back(Take{*carried.mask});
  stage.acts.emplace_back(Load{NetworkKind::Encoder, {program}});
  append_work(stage.acts, buffers.all(),
              {{program}, [=, pass = &p.first()](StageRun& run) {
                 const InitPicture& init = run.state.init.emplace(*init_picture(run.job.request(), pass->size));
                 tell_of_lost_mask(run.job.request(), init, run.job.log);
                 encode_image(run, *pass, bands, buffers, init.picture, run.floats(*carried.picture));
                 if (carried.mask)
                   latent_mask(*init.mask, run.job.model().vae.sizes.downscale(), run.floats(*carried.mask));
               }});
  stage.acts.emplace_back(Free{NetworkKind::Encoder});
  return stage;
}

}  // namespace newbie
