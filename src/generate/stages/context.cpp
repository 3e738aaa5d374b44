// The transformer's own caption refiner, once a prompt; all of the transformer is loaded for it and for the walks.
#include "generate/job_programs.h"
#include "generate/stage_run.h"
#include "generate/stages/stages.h"

namespace newbie {

Stage context_stage(Draft& draft) {
  const std::vector<TokenizedPrompt>& prompts = draft.job.prepared.prompts;
  const ProgramList programs = context_programs(draft.job);
  const BufferId arena = draft.arena("context arena", programs);
  Stage stage{.kind = StageKind::Context, .pass = 0, .acts = {Load{NetworkKind::Dit, dit_programs(draft.job)}}};
  for (size_t i = 0; i < prompts.size(); ++i) {
    Conditioning& c = draft.carried.prompts[i];
    c.context = draft.buffer("caption context", draft.job.sizes().context(prompts[i]));
    stage.acts.emplace_back(Take{c.context});
  }
  append_work(stage.acts, {arena}, {programs, [arena, all = &prompts, text = draft.carried.prompts](StageRun& run) {
                                      const NextDitConfig& sizes = run.job.model().transformer.sizes;
                                      for (size_t i = 0; i < all->size(); ++i) {
                                        const int64_t tokens = (*all)[i].caption_tokens();
                                        Bindings b;
                                        b.inputs["caption"] = run.view(text[i].features, {tokens, sizes.caption_width});
                                        b.outputs["context"] = run.view(text[i].context, {tokens, sizes.dim});
                                        run.run(context_program(run.job, (*all)[i]), arena, b);
                                      }
                                      run.guard.end_stage(run.networks[NetworkKind::Dit]);
                                    }});
  for (const Conditioning& c : draft.carried.prompts) stage.acts.emplace_back(Give{c.features});
  return stage;
}

}  // namespace newbie
