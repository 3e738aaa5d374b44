// Latents become pictures, and the caller gets them with what made them.
#include "generate/job_programs.h"
#include "generate/picture_facts.h"
#include "generate/stages/autoencoder.h"

namespace newbie {

Stage before_decoding_stage(Draft& draft) {
  Stage stage{.kind = StageKind::Decode, .pass = draft.job.prepared.last().index, .acts = {Free{NetworkKind::Dit}}};
  for (const Conditioning& c : draft.carried.prompts) {
    stage.acts.emplace_back(Give{c.pooled});
    stage.acts.emplace_back(Give{c.context});
  }
  return stage;
}

Stage decode_stage(Draft& draft) {
  const PreparedRequest& p = draft.job.prepared;
  const Bands bands = draft.variant.bands;
  const DecoderBuffers buffers = decoder_buffers(draft, p.last());
  Stage stage{.kind = StageKind::Decode, .pass = p.last().index, .acts = {}};
  stage.acts.emplace_back(Load{NetworkKind::Decoder, decoder_programs(draft.job, bands)});
  append_work(stage.acts, buffers.all(),
              {decoder_programs(draft.job, p.last(), bands), [=, from = draft.carried.latents, p = &p](StageRun& run) {
                 const std::span<const float> latent = latent_of(run, from, p->last());
                 run.state.picture = decode_latent(run, p->last(), bands, buffers, latent, Guarded::Yes);
                 if (run.state.init)
                   run.state.picture = finished_picture(*run.state.init, std::move(run.state.picture));
               }});
  return stage;
}

Stage save_stage(Draft& draft) {
  const PreparedRequest& p = draft.job.prepared;
  return {.kind = StageKind::Save,
          .pass = p.last().index,
          .acts = {Perform{{}, [p = &p](StageRun& run) {
                             const Engine& engine = run.job.engine;
                             GeneratedImage out;
                             out.image = std::exchange(run.state.picture, {});
                             out.seed = p->seed_of(run.at.picture);
                             PictureFacts facts = picture_facts(engine, *p, run.at.picture);
                             facts.guard_events = run.guard.events();
                             const WalkFacts& walk = run.state.walks[static_cast<size_t>(run.at.picture)];
                             facts.evaluations = walk.evaluations;
                             facts.steps = walk.steps;
                             facts.estimated_distance = walk.estimated_distance;
                             out.parameters = a1111_parameters(p->request, facts);
                             out.request_json = request_json(p->request, facts);
                             run.state.on_image(std::move(out));
                           }}}};
}

}  // namespace newbie
