// Prompts become features and pooled vectors: each encoder is loaded, reads them all, and is freed.
#include <algorithm>

#include "generate/job_programs.h"
#include "generate/prepare_request.h"
#include "generate/prompt_weighting.h"
#include "generate/stage_run.h"
#include "generate/stages/stages.h"

namespace newbie {

namespace {

// What prompt weights make of features: those below 1 need an encoding without the tokens they weaken.
void weigh(StageRun& run, const TokenizedPrompt& t, BufferId arena, BufferId hidden, std::span<float> features) {
  if (!t.hides()) return weigh_features(t.gemma_weights, {}, features);
  const std::span<float> without = run.floats(hidden).first(features.size());
  const std::span<float> bias = run.floats(hidden).subspan(features.size(), t.gemma.size());
  hiding_bias(t.gemma_weights, bias);
  Bindings b;
  b.inputs["ids"] = view_of(t.gemma);
  b.inputs["key_bias"] = view_of(std::span<const float>(bias), {t.caption_tokens()});
  b.outputs["features"] = view_of(without, {t.caption_tokens(), run.job.model().text_encoder.sizes.width});
  run.run(gemma_hidden_program(run.job, t), arena, b);
  weigh_features(t.gemma_weights, without, features);
}

void encode_features(StageRun& run, const TokenizedPrompt& t, BufferId arena, BufferId hidden, BufferId out) {
  if (t.cached_features) {
    std::ranges::copy(*t.cached_features, run.floats(out).begin());
    return;
  }
  Bindings b;
  b.inputs["ids"] = view_of(t.gemma);
  b.outputs["features"] = run.view(out, {t.caption_tokens(), run.job.model().text_encoder.sizes.width});
  run.run(gemma_program(run.job, t), arena, b);
  if (!t.gemma_weights.empty()) {
    weigh(run, t, arena, hidden, run.floats(out));
    run.guard.check_finite(run.floats(out), "the weighted text", run.at);
  }
  const Engine& engine = run.job.engine;
  if (engine.text_cache && run.guard.events().empty())
    engine.text_cache->keep(features_key(engine, run.job.prepared.adapters, t), run.floats(out));
}

void encode_pooled(StageRun& run, const TokenizedPrompt& t, BufferId arena, BufferId out) {
  if (t.cached_pooled) {
    std::ranges::copy(*t.cached_pooled, run.floats(out).begin());
    return;
  }
  Bindings b;
  b.inputs["ids"] = view_of(t.jina);
  b.outputs["pooled"] = run.view(out, {1, run.job.model().clip_model.sizes.width});
  run.run(jina_program(run.job, t), arena, b);
  const Engine& engine = run.job.engine;
  if (engine.text_cache && run.guard.events().empty()) engine.text_cache->keep(pooled_key(engine, t), run.floats(out));
}

}  // namespace

Stage gemma_stage(Draft& draft) {
  const std::vector<TokenizedPrompt>& prompts = draft.job.prepared.prompts;
  const BufferSizes sizes = draft.job.sizes();
  const ProgramList programs = gemma_programs(draft.job);
  const BufferId arena = draft.arena("gemma arena", programs),
                 hidden = draft.buffer("features with hidden tokens", sizes.hidden());
  Stage stage{.kind = StageKind::Gemma, .pass = 0, .acts = {Load{NetworkKind::Gemma, programs}}};
  draft.carried.prompts.resize(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const BufferId features = draft.buffer("text features", sizes.features(prompts[i]));
    draft.carried.prompts[i].features = features;
    stage.acts.emplace_back(Take{features});
  }
  append_work(stage.acts, {arena, hidden},
              {programs, [arena, hidden, all = &prompts, out = draft.carried.prompts](StageRun& run) {
                 for (size_t i = 0; i < all->size(); ++i)
                   encode_features(run, (*all)[i], arena, hidden, out[i].features);
                 run.guard.end_stage(run.networks[NetworkKind::Gemma]);
               }});
  stage.acts.emplace_back(Free{NetworkKind::Gemma});
  return stage;
}

Stage jina_stage(Draft& draft) {
  const std::vector<TokenizedPrompt>& prompts = draft.job.prepared.prompts;
  const ProgramList programs = jina_programs(draft.job);
  const BufferId arena = draft.arena("jina arena", programs);
  Stage stage{.kind = StageKind::Jina, .pass = 0, .acts = {Load{NetworkKind::Jina, programs}}};
  for (Conditioning& c : draft.carried.prompts) {
    c.pooled = draft.buffer("pooled text", draft.job.sizes().pooled());
    stage.acts.emplace_back(Take{c.pooled});
  }
  append_work(stage.acts, {arena}, {programs, [arena, all = &prompts, out = draft.carried.prompts](StageRun& run) {
                                      for (size_t i = 0; i < all->size(); ++i)
                                        encode_pooled(run, (*all)[i], arena, out[i].pooled);
                                      run.guard.end_stage(run.networks[NetworkKind::Jina]);
                                    }});
  stage.acts.emplace_back(Free{NetworkKind::Jina});
  return stage;
}

}  // namespace newbie
