#include "generate/text_to_image.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

#include "core/machine.h"
#include "core/random.h"
#include "diffusion/guidance.h"
#include "diffusion/registry.h"
#include "generate/metadata.h"
#include "generate/network.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"
#include "text/system_prompts.h"
#include "weights/fingerprint.h"

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One text after tokenising: ids for both encoders.
struct TokenizedPrompt {
  std::vector<int32_t> gemma, jina;
  int64_t caption_tokens() const { return static_cast<int64_t>(gemma.size()); }
};

// What the denoiser needs to know of one prompt.
struct Conditioning {
  Buffer features;  // [L, caption_width]; freed once the context is there
  Buffer pooled;    // [pooled_width]
  Buffer context;   // [L, C]
};

TensorSpec f32(const Shape& shape) { return {shape, DType::F32}; }

std::unique_ptr<Backend> make_backend(BackendChoice choice) {
  return choice == BackendChoice::Reference ? make_reference_backend() : make_cpu_backend();
}

std::string size_in_words(int64_t gemma_width) {
  const auto name = gemma3_size_name(gemma_width);
  return name ? fmt::format(" ({})", *name) : "";
}

void require_finite(std::span<const float> values, std::string_view what) {
  for (float v : values)
    if (!std::isfinite(v))
      fail_with_hint(ErrorKind::Internal, "try --dtype f32; if it stays, the weights may be damaged",
                     "{} has values that are not finite", what);
}

}  // namespace

struct TextToImage::Impl {
  Impl(const ModelPaths& paths, const EngineOptions& options, Log& l)
      : log(l),
        transformer(open_transformer(paths.transformer, l, paths.strictness)),
        text_encoder(open_text_encoder(paths.text_encoder, l, paths.strictness)),
        clip_model(open_clip_model(paths.clip_model, l, paths.strictness)),
        vae(open_vae(paths.vae, l, paths.strictness)),
        gemma_tokenizer(text_encoder.open_tokenizer()),
        jina_tokenizer(clip_model.open_tokenizer()),
        resolution(resolve_precision(options.precision, this_cpu())),
        runtime(options.threads > 0 ? options.threads : usable_cpus(), resolution.policy, make_backend(options.backend),
                options.allocation_fault),
        budget_bytes(options.memory_budget_bytes),
        dit(runtime, transformer.weights, "transformer"),
        gemma(runtime, text_encoder.weights, "text_encoder"),
        jina(runtime, clip_model.weights, "clip_model"),
        decoder(runtime, vae.weights, "vae") {
    runtime.fuse = options.fuse;
    check_parts_fit();
  }

  Log& log;
  Transformer transformer;
  TextEncoder text_encoder;
  ClipModel clip_model;
  Vae vae;
  std::unique_ptr<Tokenizer> gemma_tokenizer, jina_tokenizer;
  Resolution resolution;
  Runtime runtime;
  size_t budget_bytes;
  Network dit, gemma, jina, decoder;
  std::optional<Fingerprints> fingerprints;
  LatentTap tap;

  // Programs by shape.
  std::map<int64_t, Program> gemma_programs, jina_programs, context_programs;
  std::map<std::array<int64_t, 3>, Program> step_programs;
  std::map<std::array<int64_t, 2>, Program> decoder_programs;

  // A request after everything is known that can be known without weights.
  struct Prepared {
    PictureSize size;
    int64_t h = 0, w = 0;  // latent
    NoiseLevels noise;
    const Sampler* sampler = nullptr;
    std::string system_prompt;
    std::vector<TokenizedPrompt> prompts;  // the prompt, and the negative one where guidance needs it
    MemoryPlan plan;
  };

  void check_parts_fit() const;
  TokenizedPrompt tokenize(const EncoderTexts& texts, const GenerateRequest& r, const char* which);
  Prepared prepare(const GenerateRequest& request);
  MemoryPlan make_plan(const Prepared& p, const GenerateRequest& r, Residency residency);
  void encode(const Prepared& p, std::vector<Conditioning>& conditioning, Progress& progress, StopToken stop,
              std::vector<StageTime>& times);
  void denoise(const Prepared& p, const GenerateRequest& r, int picture, std::span<const Conditioning> conditioning,
               std::span<float> latent, Progress& progress, StopToken stop, int64_t& evaluations);
  Image decode(const Prepared& p, std::span<const float> latent, StopToken stop);

  template <typename Key, typename Make>
  const Program& cached(std::map<Key, Program>& programs, const Key& key, const Network& network, Make make) {
    auto it = programs.find(key);
    if (it == programs.end()) it = programs.emplace(key, network.compile(make())).first;
    return it->second;
  }
  const Program& gemma_program(int64_t tokens) {
    return cached(gemma_programs, tokens, gemma, [&] { return gemma3_features(text_encoder.sizes, tokens); });
  }
  const Program& jina_program(int64_t tokens) {
    return cached(jina_programs, tokens, jina, [&] { return jina_text(clip_model.sizes, tokens); });
  }
  const Program& context_program(int64_t tokens) {
    return cached(context_programs, tokens, dit, [&] { return next_dit_context(transformer.sizes, tokens); });
  }
  const Program& step_program(int64_t tokens, int64_t h, int64_t w) {
    return cached(step_programs, {tokens, h, w}, dit, [&] { return next_dit_step(transformer.sizes, tokens, h, w); });
  }
  const Program& decoder_program(int64_t h, int64_t w) {
    return cached(decoder_programs, {h, w}, decoder, [&] { return flux_vae_decoder(vae.sizes, h, w); });
  }

  size_t latent_elements(const Prepared& p) const {
    return static_cast<size_t>(transformer.sizes.latent_channels * p.h * p.w);
  }
  size_t features_bytes(const TokenizedPrompt& t) const {
    return t.gemma.size() * static_cast<size_t>(text_encoder.sizes.width) * sizeof(float);
  }
  size_t pooled_bytes() const { return static_cast<size_t>(clip_model.sizes.width) * sizeof(float); }
  size_t context_bytes(const TokenizedPrompt& t) const {
    return t.gemma.size() * static_cast<size_t>(transformer.sizes.dim) * sizeof(float);
  }
  // Velocities, and the vectors the sampler works in.
  size_t walk_bytes(const Prepared& p) const {
    return latent_elements(p) * sizeof(float) * (static_cast<size_t>(p.sampler->state_vectors) + p.prompts.size());
  }
};

void TextToImage::Impl::check_parts_fit() const {
  if (transformer.sizes.caption_width != text_encoder.sizes.width)
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses Gemma 3 4B (width 2560)",
                   "{}: text encoder of width {}{}, the transformer expects {}{}", text_encoder.path.string(),
                   text_encoder.sizes.width, size_in_words(text_encoder.sizes.width), transformer.sizes.caption_width,
                   size_in_words(transformer.sizes.caption_width));
  if (transformer.sizes.pooled_width != clip_model.sizes.width)
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses Jina CLIP v2 (width 1024)",
                   "{}: CLIP text tower of width {}, the transformer expects {}", clip_model.path.string(),
                   clip_model.sizes.width, transformer.sizes.pooled_width);
  if (transformer.sizes.latent_channels != vae.sizes.latent_channels)
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses the FLUX.1 autoencoder (16 latent channels)",
                   "{}: autoencoder with {} latent channels, the transformer expects {}", vae.path.string(),
                   vae.sizes.latent_channels, transformer.sizes.latent_channels);
}

TokenizedPrompt TextToImage::Impl::tokenize(const EncoderTexts& texts, const GenerateRequest& r, const char* which) {
  const auto one = [&](const Tokenizer& tokenizer, const std::string& text, size_t limit, int64_t rows,
                       const Part& part, const char* encoder) {
    TokenizedText t = tokenizer.encode(text, limit);
    if (t.lost_tokens != 0)
      log.warn("the {} is longer than {} tokens for {}: {} tokens are lost, from \"{}\" on", which, limit, encoder,
               t.lost_tokens, t.lost_text);
    for (int32_t id : t.ids)
      if (id < 0 || id >= rows)
        fail_with_hint(ErrorKind::BadFile, "is this another model's tokenizer?",
                       "{}: the tokenizer gives id {}, the embedding has {} rows", part.path.string(), id, rows);
    return std::move(t.ids);
  };
  return {
      one(*gemma_tokenizer, texts.gemma_text, r.max_gemma_tokens, text_encoder.sizes.vocabulary, text_encoder, "Gemma"),
      one(*jina_tokenizer, texts.jina_text, r.max_jina_tokens, clip_model.sizes.vocabulary, clip_model, "Jina CLIP")};
}

TextToImage::Impl::Prepared TextToImage::Impl::prepare(const GenerateRequest& r) {
  check_request(r);
  Prepared p;
  const int64_t downscale = vae.sizes.downscale();
  p.size = picture_size(r, vae.sizes.sample_size, downscale * transformer.sizes.patch);
  p.h = p.size.height / downscale;
  p.w = p.size.width / downscale;
  p.noise = noise_levels(r);
  p.sampler = &find_sampler(r.sampler);
  const SystemPrompt system = resolve_system_prompt(r.system_prompt, r.prompt);
  p.system_prompt = system.text;
  p.prompts.push_back(tokenize(route_prompt(r.prompt, system.text, r.routing), r, "prompt"));
  if (r.cfg != 1.0)
    p.prompts.push_back(
        tokenize(route_negative_prompt(r.negative_prompt, system.text, r.routing), r, "negative prompt"));

  p.plan = make_plan(p, r, Residency::FreeEncoders);
  const size_t budget = budget_bytes != 0 ? budget_bytes : available_memory_bytes() + resident_bytes();
  if (p.plan.peak_bytes() > budget) p.plan = make_plan(p, r, Residency::FreeEachStage);
  if (p.plan.peak_bytes() > budget)
    fail_with_hint(ErrorKind::OverBudget, "ask for a smaller picture, or give --memory at least that much",
                   "this request needs {:.0f} MiB, the budget is {:.0f} MiB",
                   std::ceil(static_cast<double>(p.plan.peak_bytes()) / (1 << 20)),
                   std::floor(static_cast<double>(budget) / (1 << 20)));
  return p;
}

MemoryPlan TextToImage::Impl::make_plan(const Prepared& p, const GenerateRequest& r, Residency residency) {
  const auto largest = [](std::span<const Program* const> programs, size_t MemoryReport::*field) {
    size_t out = 0;
    for (const Program* program : programs) out = std::max(out, program->memory().*field);
    return out;
  };
  std::vector<const Program*> gemmas, jinas, contexts, steps, dits;
  size_t features = 0, pooled = 0, context = 0, mapped = 0;
  for (const TokenizedPrompt& t : p.prompts) {
    gemmas.push_back(&gemma_program(t.caption_tokens()));
    jinas.push_back(&jina_program(static_cast<int64_t>(t.jina.size())));
    contexts.push_back(&context_program(t.caption_tokens()));
    steps.push_back(&step_program(t.caption_tokens(), p.h, p.w));
    features += features_bytes(t);
    pooled += pooled_bytes();
    context += context_bytes(t);
    mapped += gemma.mapped_bytes(*gemmas.back(), t.caption_tokens());
  }
  dits = contexts;
  dits.insert(dits.end(), steps.begin(), steps.end());
  const Program* const decode = &decoder_program(p.h, p.w);
  const std::vector<const Program*> decoders{decode};

  const WeightBank::Plan gemma_weights = gemma.plan(gemmas), jina_weights = jina.plan(jinas),
                         dit_weights = dit.plan(dits), vae_weights = decoder.plan(decoders);
  const size_t latents = latent_elements(p) * sizeof(float) * static_cast<size_t>(r.batch);
  const size_t picture = static_cast<size_t>(p.size.width * p.size.height) * 3 * sizeof(float);
  const bool apart = residency == Residency::FreeEachStage;
  // The transformer and the decoder of an earlier request may still be there.
  const size_t old_dit = dit.resident_bytes(), old_decoder = decoder.resident_bytes();
  const size_t text = pooled + context;

  MemoryPlan plan{.residency = residency};
  const auto stage = [&](const char* name, std::span<const Program* const> programs, size_t weights, size_t buffers,
                         size_t loading_peak) {
    plan.stages.push_back({name, weights, largest(programs, &MemoryReport::arena_bytes),
                           largest(programs, &MemoryReport::scratch_bytes), buffers, loading_peak});
  };
  stage("gemma", gemmas, old_dit + old_decoder + gemma_weights.bytes, features,
        old_dit + old_decoder + gemma_weights.peak_bytes);
  stage("jina", jinas, old_dit + old_decoder + jina_weights.bytes, features + pooled,
        old_dit + old_decoder + jina_weights.peak_bytes + features);
  stage("context", contexts, old_decoder + dit_weights.bytes, features + text,
        old_dit != 0 ? 0 : old_decoder + dit_weights.peak_bytes + features + pooled);
  // From the second picture of a batch on, the decoder is there while the next one is drawn.
  const size_t beside = !apart && r.batch > 1 ? vae_weights.bytes : old_decoder;
  stage("denoise", steps, dit_weights.bytes + beside, text + latents + walk_bytes(p), 0);
  const size_t kept = apart ? 0 : dit_weights.bytes;
  const size_t around = (apart ? 0 : text) + latents;
  stage("decode", decoders, kept + vae_weights.bytes, around + picture + latent_elements(p) * sizeof(float),
        old_decoder != 0 ? 0 : kept + vae_weights.peak_bytes + around);
  plan.mapped_bytes = mapped;
  plan.process_bytes = resident_bytes() - std::min(resident_bytes(), runtime.allocator.in_use_bytes());
  return plan;
}

void TextToImage::Impl::encode(const Prepared& p, std::vector<Conditioning>& conditioning, Progress& progress,
                               StopToken stop, std::vector<StageTime>& times) {
  const auto planned = [&](const char* name) -> const StagePlan& {
    for (const StagePlan& s : p.plan.stages)
      if (s.name == name) return s;
    fail(ErrorKind::Internal, "no stage {} in the plan", name);
  };
  conditioning.resize(p.prompts.size());
  const auto timed = [&](const char* name, auto&& work) {
    progress.on_stage(name);
    const auto start = Clock::now();
    work(planned(name));
    times.push_back({name, seconds_since(start)});
  };

  timed("gemma", [&](const StagePlan& stage) {
    for (const TokenizedPrompt& t : p.prompts) gemma.load(gemma_program(t.caption_tokens()));
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "gemma arena");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const std::vector<int32_t>& ids = p.prompts[i].gemma;
      const auto tokens = static_cast<int64_t>(ids.size());
      Buffer& out = conditioning[i].features =
          runtime.allocator.allocate(features_bytes(p.prompts[i]), "text features");
      Bindings b;
      b.inputs["ids"] = {{Shape{tokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
      b.outputs["features"] = {f32({tokens, text_encoder.sizes.width}), out.data()};
      gemma.run(gemma_program(tokens), arena, b, stop);
    }
    gemma.free();
  });

  timed("jina", [&](const StagePlan& stage) {
    for (const TokenizedPrompt& t : p.prompts) jina.load(jina_program(static_cast<int64_t>(t.jina.size())));
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "jina arena");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const std::vector<int32_t>& ids = p.prompts[i].jina;
      const auto tokens = static_cast<int64_t>(ids.size());
      Buffer& out = conditioning[i].pooled = runtime.allocator.allocate(pooled_bytes(), "pooled text");
      Bindings b;
      b.inputs["ids"] = {{Shape{tokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
      b.outputs["pooled"] = {f32({1, clip_model.sizes.width}), out.data()};
      jina.run(jina_program(tokens), arena, b, stop);
    }
    jina.free();
  });

  timed("context", [&](const StagePlan& stage) {
    for (const TokenizedPrompt& t : p.prompts) dit.load(context_program(t.caption_tokens()));
    for (const TokenizedPrompt& t : p.prompts) dit.load(step_program(t.caption_tokens(), p.h, p.w));
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "context arena");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const int64_t tokens = p.prompts[i].caption_tokens();
      Buffer& out = conditioning[i].context =
          runtime.allocator.allocate(context_bytes(p.prompts[i]), "caption context");
      Bindings b;
      b.inputs["caption"] = {f32({tokens, transformer.sizes.caption_width}), conditioning[i].features.data()};
      b.outputs["context"] = {f32({tokens, transformer.sizes.dim}), out.data()};
      dit.run(context_program(tokens), arena, b, stop);
    }
    for (Conditioning& c : conditioning) c.features = {};
  });
}

void TextToImage::Impl::denoise(const Prepared& p, const GenerateRequest& r, int picture,
                                std::span<const Conditioning> conditioning, std::span<float> latent, Progress& progress,
                                StopToken stop, int64_t& evaluations) {
  const size_t n = latent.size();
  const Shape latent_shape{transformer.sizes.latent_channels, p.h, p.w};
  size_t arena_bytes = 0;
  for (const TokenizedPrompt& t : p.prompts)
    arena_bytes = std::max(arena_bytes, step_program(t.caption_tokens(), p.h, p.w).memory().arena_bytes);
  const Buffer arena = runtime.allocator.allocate(arena_bytes, "denoiser arena");
  const Buffer walk = runtime.allocator.allocate(walk_bytes(p), "sampler state");
  const std::span<float> vectors(walk.as<float>(), walk.size() / sizeof(float));
  const std::span<float> v_cond = vectors.subspan(0, n),
                         v_uncond = p.prompts.size() > 1 ? vectors.subspan(n, n) : std::span<float>{};

  const auto velocity = [&](size_t prompt, std::span<const float> x, float t, std::span<float> out) {
    const int64_t tokens = p.prompts[prompt].caption_tokens();
    Bindings b;
    b.inputs["latent"] = {f32(latent_shape), reinterpret_cast<const std::byte*>(x.data())};
    b.inputs["time"] = {f32({1}), reinterpret_cast<const std::byte*>(&t)};
    b.inputs["context"] = {f32({tokens, transformer.sizes.dim}), conditioning[prompt].context.data()};
    b.inputs["pooled"] = {f32({transformer.sizes.pooled_width}), conditioning[prompt].pooled.data()};
    b.outputs["velocity"] = {f32(latent_shape), reinterpret_cast<std::byte*>(out.data())};
    dit.run(step_program(tokens, p.h, p.w), arena, b, stop);
    ++evaluations;
  };

  const int total = static_cast<int>(p.sampler->evaluations(static_cast<int>(p.noise.sigmas.size()) - 1));
  int done = 0;
  SampleRun run{
      .sigmas = p.noise.sigmas,
      .options = {.eta = r.eta,
                  .seed = r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(picture) : r.seed},
      .stop = stop};
  run.denoise = [&](std::span<const float> x, double t, std::span<float> out) {
    const auto start = Clock::now();
    const auto time = static_cast<float>(t);
    velocity(0, x, time, v_cond);
    if (p.prompts.size() > 1 && guidance_active(t, r.cfg, r.cfg_trunc)) {
      velocity(1, x, time, v_uncond);
      combine_cfg(v_cond, v_uncond, r.cfg, out);
      if (r.renorm_cfg > 0) renorm_cfg(v_cond, r.renorm_cfg, out);
      if (r.rescale_cfg > 0) rescale_cfg(x, v_cond, 1.0 - t, r.rescale_cfg, out);
    } else {
      std::copy(v_cond.begin(), v_cond.end(), out.begin());
    }
    require_finite(out, "the velocity of the transformer");
    progress.on_step({picture, r.batch, ++done, total, seconds_since(start)});
  };
  run.on_step = [&](const SampleStep& s) {
    if (tap) tap(picture, s.index, s.latent);
  };
  sample(*p.sampler, run, latent, vectors.subspan(p.prompts.size() * n));
}

Image TextToImage::Impl::decode(const Prepared& p, std::span<const float> latent, StopToken stop) {
  const Program& program = decoder_program(p.h, p.w);
  decoder.load(program);
  const Buffer arena = runtime.allocator.allocate(program.memory().arena_bytes, "decoder arena");
  const Buffer raw = runtime.allocator.allocate(latent.size() * sizeof(float), "raw latent");
  for (size_t i = 0; i < latent.size(); ++i)
    raw.as<float>()[i] =
        latent[i] / static_cast<float>(vae.sizes.scaling_factor) + static_cast<float>(vae.sizes.shift_factor);
  const size_t values = static_cast<size_t>(p.size.width * p.size.height) * 3;
  const Buffer picture = runtime.allocator.allocate(values * sizeof(float), "decoded picture");
  Bindings b;
  b.inputs["latent"] = {f32({vae.sizes.latent_channels, p.h, p.w}), raw.data()};
  b.outputs["picture"] = {f32({p.size.height, p.size.width, 3}), picture.data()};
  decoder.run(program, arena, b, stop);
  const std::span<const float> pixels(picture.as<float>(), values);
  require_finite(pixels, "the decoded picture");
  return from_signed_floats(pixels, static_cast<int>(p.size.width), static_cast<int>(p.size.height));
}

TextToImage::TextToImage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextToImage::~TextToImage() = default;
TextToImage::TextToImage(TextToImage&&) noexcept = default;
TextToImage& TextToImage::operator=(TextToImage&&) noexcept = default;

TextToImage TextToImage::open(const ModelPaths& paths, const EngineOptions& options, Log& log) {
  return TextToImage(std::make_unique<Impl>(locate_model(paths).paths, options, log));
}

MemoryPlan TextToImage::plan(const GenerateRequest& request) { return impl_->prepare(request).plan; }

GenerateResult TextToImage::generate(const GenerateRequest& r, Progress& progress, StopToken stop,
                                     const std::function<void(GeneratedImage)>& on_image) {
  Impl& m = *impl_;
  GenerateResult result;
  const auto start = Clock::now();
  m.runtime.allocator.reset_peak();
  progress.on_stage("plan");
  const Impl::Prepared p = m.prepare(r);
  result.times.push_back({"plan", seconds_since(start)});
  std::vector<Conditioning> conditioning;
  m.encode(p, conditioning, progress, stop, result.times);

  const size_t n = m.latent_elements(p);
  const Buffer latents = m.runtime.allocator.allocate(n * sizeof(float) * static_cast<size_t>(r.batch), "latents");
  const auto latent = [&](int k) { return std::span<float>(latents.as<float>() + static_cast<size_t>(k) * n, n); };
  if (r.batch_noise == BatchNoise::Slices) {
    TorchGenerator(r.seed).normal({latents.as<float>(), n * static_cast<size_t>(r.batch)});
  } else {
    for (int k = 0; k < r.batch; ++k) TorchGenerator(r.seed + static_cast<uint64_t>(k)).normal(latent(k));
  }
  // A schedule written by hand may start below pure noise: there is no picture to start from, so the noise is scaled.
  if (const double first = p.noise.sigmas.front(); first < 1.0)
    for (int k = 0; k < r.batch; ++k)
      for (float& v : latent(k)) v *= static_cast<float>(first);

  double denoise_seconds = 0, decode_seconds = 0;
  const auto draw = [&](int k) {
    progress.on_stage("denoise");
    const auto begin = Clock::now();
    m.denoise(p, r, k, conditioning, latent(k), progress, stop, result.evaluations);
    denoise_seconds += seconds_since(begin);
  };
  const auto finish = [&](int k) {
    progress.on_stage("decode");
    const auto begin = Clock::now();
    const uint64_t seed = r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(k) : r.seed;
    GeneratedImage out{.image = m.decode(p, latent(k), stop), .seed = seed};
    decode_seconds += seconds_since(begin);
    const PictureFacts facts{p.size,        seed, k, p.system_prompt, p.noise.schedule, m.resolution.policy.name,
                             fingerprints()};
    out.parameters = a1111_parameters(r, facts);
    out.request_json = request_json(r, facts);
    on_image(std::move(out));
  };
  if (p.plan.residency == Residency::FreeEachStage) {
    for (int k = 0; k < r.batch; ++k) draw(k);
    m.dit.free();
    conditioning.clear();
    for (int k = 0; k < r.batch; ++k) finish(k);
    m.decoder.free();
  } else {
    for (int k = 0; k < r.batch; ++k) {
      draw(k);
      finish(k);
    }
  }
  result.times.push_back({"denoise", denoise_seconds});
  result.times.push_back({"decode", decode_seconds});
  result.times.push_back({"total", seconds_since(start)});
  result.allocated_peak_bytes = m.runtime.allocator.peak_bytes();
  return result;
}

void TextToImage::set_latent_tap(LatentTap tap) { impl_->tap = std::move(tap); }
const std::vector<std::string>& TextToImage::precision_reasons() const { return impl_->resolution.reasons; }
const std::string& TextToImage::precision_name() const { return impl_->resolution.policy.name; }
int TextToImage::threads() const { return impl_->runtime.pool.size(); }
PictureSize TextToImage::default_size() const { return {impl_->vae.sizes.sample_size, impl_->vae.sizes.sample_size}; }

const TextToImage::Fingerprints& TextToImage::fingerprints() {
  Impl& m = *impl_;
  if (!m.fingerprints)
    m.fingerprints = Fingerprints{fingerprint(m.transformer.files.files), fingerprint(m.text_encoder.files.files),
                                  fingerprint(m.clip_model.files.files), fingerprint(m.vae.files.files)};
  return *m.fingerprints;
}

}  // namespace newbie
