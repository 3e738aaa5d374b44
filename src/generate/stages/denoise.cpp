// One picture's walk from noise, or from a noised picture, to a latent: the sampler sees a function from latent and
// time to velocity, no network.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/random.h"
#include "diffusion/guidance.h"
#include "diffusion/inpaint.h"
#include "diffusion/strength.h"
#include "generate/job_programs.h"
#include "generate/stages/autoencoder.h"
#include "generate/stages/velocity.h"

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct WalkBuffers {
  BufferId arena, vectors, cache;
  std::optional<DecoderBuffers> preview;
  std::optional<BufferId> start, mask;  // what the walk is held to
  BufferId latents;
  std::vector<Conditioning> prompts;
};

class Walk {
 public:
  Walk(StageRun& run, const Pass& pass, Bands bands, const WalkBuffers& buffers)
      : run_(run),
        pass_(pass),
        bands_(bands),
        buffers_(buffers),
        prepared_(run.job.prepared),
        request_(run.job.request()),
        latent_(latent_of(run, buffers.latents, pass)),
        rest_(run.floats(buffers.vectors)),
        velocity_(run, pass, buffers.arena, buffers.cache, buffers.prompts) {
    run_.at.evaluations = static_cast<int>(prepared_.sampler->evaluations(pass.intervals()));
  }

  void walk() {
    v_cond_ = take();
    if (prepared_.guided()) v_uncond_ = take();
    if (prepared_.holds_guidance()) held_guidance_.emplace(request_.cfg_hold, request_.cfg, take());
    if (buffers_.mask) noise_ = take(), shown_ = take();
    begin();
    SampleRun sampling{
        .sigmas = pass_.noise.sigmas,
        .denoise = [&](std::span<const float> state, double t, std::span<float> out) { evaluate(state, t, out); },
        .options = {.eta = request_.eta, .seed = prepared_.seed_of(run_.at.picture), .tolerance = request_.tolerance},
        .on_step = [&](const SampleStep& step) { ended(step); },
        .on_estimate = [&](double distance) { facts().estimated_distance = distance; },
        .stop = run_.stop};
    sample(*prepared_.sampler, sampling, latent_, rest_);
    if (pass_.index == 0) facts().steps = run_.at.evaluation;
    run_.at.evaluation = 0;
    run_.guard.end_stage(run_.networks[NetworkKind::Dit]);
    if (buffers_.mask) restore_held(held(), latent_);
  }

 private:
  std::span<float> take() {
    const std::span<float> out = rest_.first(latent_.size());
    rest_ = rest_.subspan(latent_.size());
    return out;
  }

  HeldPicture held() const {
    return {start(), noise_, buffers_.mask ? run_.floats(*buffers_.mask) : std::span<float>{}};
  }
  // What the pass starts from: the picture's latent, or this picture's, enlarged. Empty: noise alone.
  std::span<const float> start() const {
    if (!buffers_.start) return {};
    return pass_.index == 0 ? run_.floats(*buffers_.start) : latent_of(run_, *buffers_.start, pass_);
  }

  void begin() {
    std::copy_n(latent_.begin(), noise_.size(), noise_.begin());
    const double first_sigma = pass_.noise.sigmas.front();
    if (!start().empty()) {
      noise_latent(first_sigma, start(), latent_);
    } else if (first_sigma < 1.0) {
      // A schedule written by hand may start below pure noise: with no picture to start from, the noise is scaled.
      for (float& v : latent_) v *= static_cast<float>(first_sigma);
    }
  }

  void evaluate(std::span<const float> state, double t, std::span<float> out) {
    const auto start = Clock::now();
    const auto time = static_cast<float>(t);
    ++run_.at.evaluation;
    if (buffers_.mask) show_held(held(), 1.0 - t, state, shown_);
    const std::span<const float> x = buffers_.mask ? shown_ : state;
    velocity_.compute(0, x, time, v_cond_);
    if (prepared_.guided() && guidance_active(t, request_.cfg, request_.cfg_trunc)) {
      evaluate_uncond(x, t);
      combine_cfg(v_cond_, v_uncond_, request_.cfg, out);
      if (request_.renorm_cfg > 0) renorm_cfg(v_cond_, request_.renorm_cfg, out);
      if (request_.rescale_cfg > 0) rescale_cfg(x, v_cond_, 1.0 - t, request_.rescale_cfg, out);
    } else {
      std::ranges::copy(v_cond_, out.begin());
    }
    if (buffers_.mask) steer_to_held(held(), 1.0 - t, state, out);
    run_.guard.check_finite(out, "the guided velocity", run_.at);
    run_.observer.on_step(run_.at, seconds_since(start));
  }

  void evaluate_uncond(std::span<const float> x, double t) {
    if (held_guidance_ && held_guidance_->holds(t, v_cond_)) return held_guidance_->stand_in(v_cond_, v_uncond_);
    velocity_.compute(1, x, static_cast<float>(t), v_uncond_);
    if (held_guidance_) held_guidance_->remember(t, v_cond_, v_uncond_);
  }

  WalkFacts& facts() { return run_.state.walks[static_cast<size_t>(run_.at.picture)]; }

  void ended(const SampleStep& s) {
    run_.guard.check_finite(s.latent, "the latent", run_.at);
    run_.observer.on_latent(run_.at, s.index, s.latent);
    const int every = request_.preview_every, before = std::exchange(ended_, s.index + 1);
    if (every == 0 || ended_ / every == before / every || ended_ == s.intervals) return;
    if (!run_.observer.wants_preview(run_.at)) return;
    const Image image = buffers_.preview
                            ? decode_latent(run_, pass_, bands_, *buffers_.preview, s.denoised, Guarded::No)
                            : linear_preview(*prepared_.preview_factors, s.denoised, pass_.h, pass_.w,
                                             run_.job.model().vae.sizes.downscale());
    run_.observer.on_preview(run_.at, {s.index + 1, s.intervals, image});
  }

  StageRun& run_;
  const Pass& pass_;
  Bands bands_;
  const WalkBuffers& buffers_;
  const PreparedRequest& prepared_;
  const GenerateRequest& request_;
  std::span<float> latent_, rest_, v_cond_, v_uncond_, noise_, shown_;
  VelocityNetwork velocity_;
  std::optional<HeldGuidance> held_guidance_;
  int ended_ = 0;  // intervals
};

// PyTorch's noise of each picture's seed, or one run of the first seed cut into pictures.
void fill_with_noise(const GenerateRequest& r, std::span<float> all) {
  if (r.batch_noise == BatchNoise::Slices) return TorchGenerator(r.seed).normal(all);
  const size_t count = all.size() / static_cast<size_t>(r.batch);
  for (size_t k = 0; k < static_cast<size_t>(r.batch); ++k)
    TorchGenerator(r.seed + k).normal(all.subspan(k * count, count));
}

StageKind kind_of(const Pass& pass) { return pass.index == 0 ? StageKind::FirstPass : StageKind::HiresPass; }

}  // namespace

Stage noise_stage(Draft& draft, const Pass& pass) {
  const JobContext& job = draft.job;
  draft.carried.latents = draft.buffer("latents", job.sizes().latent(pass) * static_cast<size_t>(job.request().batch));
  Stage stage{.kind = kind_of(pass), .pass = pass.index, .acts = {}};
  stage.acts.emplace_back(Take{draft.carried.latents});
  stage.acts.emplace_back(Perform{{}, [latents = draft.carried.latents](StageRun& run) {
                                    fill_with_noise(run.job.request(), run.floats(latents));
                                  }});
  if (job.prepared.decodes_previews)
    stage.acts.emplace_back(Load{NetworkKind::Decoder, decoder_programs(job, draft.variant.bands)});
  stage.acts.emplace_back(Load{NetworkKind::Dit, step_programs(job, pass)});
  return stage;
}

Stage denoise_stage(Draft& draft, const Pass& pass) {
  const JobContext& job = draft.job;
  const Bands bands = draft.variant.bands;
  const BufferSizes sizes = job.sizes();
  ProgramList programs = step_programs(job, pass);
  if (job.prepared.decodes_previews) {
    const ProgramList decoders = decoder_programs(job, pass, bands);
    programs.insert(programs.end(), decoders.begin(), decoders.end());
  }
  WalkBuffers buffers{.arena = draft.arena("denoiser arena", programs),
                      .vectors = draft.buffer("sampler state", sizes.walk(pass)),
                      .cache = draft.buffer("step cache", sizes.step_cache(pass)),
                      .preview = {},
                      .start = pass.index == 0 ? draft.carried.picture : draft.carried.enlarged,
                      .mask = pass.index == 0 ? draft.carried.mask : std::nullopt,
                      .latents = draft.carried.latents,
                      .prompts = draft.carried.prompts};
  std::vector<BufferId> own{buffers.arena, buffers.vectors, buffers.cache};
  if (job.prepared.decodes_previews) {
    buffers.preview = decoder_buffers(draft, pass, buffers.arena);
    for (const BufferId id :
         {buffers.preview->latent, buffers.preview->picture, buffers.preview->tile, buffers.preview->strips})
      own.push_back(id);
  }
  Stage stage{.kind = kind_of(pass), .pass = pass.index, .acts = {}};
  append_work(stage.acts, own,
              {programs, [=, pass = &pass](StageRun& run) { Walk(run, *pass, bands, buffers).walk(); }});
  return stage;
}

}  // namespace newbie
