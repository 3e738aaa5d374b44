#include "generate/stages/velocity.h"

#include "generate/job_programs.h"

namespace newbie {

VelocityNetwork::VelocityNetwork(StageRun& run, const Pass& pass, BufferId arena, BufferId cache,
                                 const std::vector<Conditioning>& prompts)
    : run_(run), pass_(pass), arena_(arena), prompts_(prompts) {
  const CacheOptions& options = run.job.request().cache;
  if (options.mode == CacheMode::Off) return;
  const BufferSizes sizes = run.job.sizes();
  std::span<float> rest = run.floats(cache);
  const auto take = [&](size_t count) {
    const std::span<float> out = rest.first(count);
    rest = rest.subspan(count);
    return out;
  };
  first_stream_ = take(sizes.longest_stream_elements(pass));
  last_stream_ = take(sizes.longest_stream_elements(pass));
  activated_ = take(static_cast<size_t>(run.job.model().transformer.sizes.conditioning));
  for (const TokenizedPrompt& t : run.job.prepared.prompts) {
    const size_t elements = sizes.stream_elements(t, pass);
    caches_.emplace_back(options, elements, take(StepCache::memory_floats(options.mode, elements)));
  }
}

void VelocityNetwork::compute(size_t prompt, std::span<const float> x, float t, std::span<float> velocity) {
  const NextDitConfig& sizes = run_.job.model().transformer.sizes;
  const TokenizedPrompt& tokenized = run_.job.prepared.prompts[prompt];
  const ProgramList parts = step_programs(run_.job, tokenized, pass_);
  const Shape latent{sizes.latent_channels, pass_.h, pass_.w};
  Bindings entry;
  entry.inputs["latent"] = view_of(x, latent);
  entry.inputs["time"] = view_of(std::span<const float>(&t, 1), {1});
  entry.inputs["context"] = run_.view(prompts_[prompt].context, {tokenized.caption_tokens(), sizes.dim});
  entry.inputs["pooled"] = run_.view(prompts_[prompt].pooled, {sizes.pooled_width});
  ++run_.state.evaluations;
  ++run_.state.walks[static_cast<size_t>(run_.at.picture)].evaluations;
  if (!caches_.empty()) return compute_in_parts(prompt, parts, std::move(entry), t, view_of(velocity, latent));
  entry.outputs["velocity"] = view_of(velocity, latent);
  run_.run(*parts.front(), arena_, entry);
}

void VelocityNetwork::compute_in_parts(size_t prompt, const ProgramList& parts, Bindings entry, float t,
                                       TensorView velocity) {
  const NextDitConfig& sizes = run_.job.model().transformer.sizes;
  const size_t elements = run_.job.sizes().stream_elements(run_.job.prepared.prompts[prompt], pass_);
  const Shape stream{static_cast<int64_t>(elements) / sizes.dim, sizes.dim};
  const TensorView behind_first = view_of(first_stream_.first(elements), stream),
                   behind_last = view_of(last_stream_.first(elements), stream),
                   modulation = view_of(activated_, {1, sizes.conditioning});
  entry.outputs["stream"] = behind_first;
  entry.outputs["activated"] = modulation;
  run_.run(*parts[0], arena_, entry);
  StepCache& cache = caches_[prompt];
  const bool whole = !cache.stands_in(t, first_stream_.first(elements));
  if (whole) {
    run_.run(*parts[1], arena_,
             {.inputs = {{"stream", behind_first}, {"activated", modulation}}, .outputs = {{"stream", behind_last}}});
    cache.remember(t, first_stream_.first(elements), last_stream_.first(elements));
  } else {
    ++run_.state.shortened_evaluations;
  }
  run_.run(*parts[2], arena_,
           {.inputs = {{"stream", whole ? behind_last : behind_first}, {"activated", modulation}},
            .outputs = {{"velocity", velocity}}});
}

}  // namespace newbie
