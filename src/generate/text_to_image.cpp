#include "generate/text_to_image.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <new>
#include <stdexcept>

#include "core/machine.h"
#include "core/random.h"
#include "diffusion/guidance.h"
#include "diffusion/inpaint.h"
#include "diffusion/registry.h"
#include "diffusion/strength.h"
#include "generate/bad_values.h"
#include "generate/init_picture.h"
#include "generate/latent_preview.h"
#include "generate/metadata.h"
#include "generate/network.h"
#include "generate/prompt_weighting.h"
#include "image/resize.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"
#include "text/prompt_weights.h"
#include "text/system_prompts.h"
#include "weights/fingerprint.h"
#include "weights/in_quotes.h"

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One text after tokenising: ids for both encoders.
struct TokenizedPrompt {
  std::vector<int32_t> gemma, jina;
  std::vector<float> gemma_weights;  // empty: all are 1
  bool hides() const { return needs_hidden(gemma_weights); }
  int64_t caption_tokens() const { return static_cast<int64_t>(gemma.size()); }
};

// What the denoiser needs to know of one prompt.
struct Conditioning {
  Buffer features;  // [L, caption_width]; freed once the context is there
  Buffer pooled;    // [pooled_width]
  Buffer context;   // [L, C]
};

std::span<const float> floats(const Buffer& buffer) { return {buffer.as<float>(), buffer.size() / sizeof(float)}; }
TensorSpec f32(const Shape& shape) { return {shape, DType::F32}; }

std::unique_ptr<Backend> make_backend(BackendChoice choice) {
  return choice == BackendChoice::Reference ? make_reference_backend() : make_cpu_backend();
}

std::string size_in_words(int64_t gemma_width) {
  const auto name = gemma3_size_name(gemma_width);
  return name ? fmt::format(" ({})", *name) : "";
}

// To be called while an exception is handled: what the standard library throws when it runs out of memory or the file
// system refuses becomes an Error; everything else goes on as it is.
[[noreturn]] void rethrow_as_error() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::OverBudget, "out of memory", "close other programs, or ask for less at once");
  } catch (const std::length_error& e) {
    fail(ErrorKind::InvalidRequest, "something asked for is too large: {}", e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    fail(ErrorKind::BadFile, "{}", e.what());
  }
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
        decoder(runtime, vae.weights, "vae"),
        encoder(runtime, vae.weights, "vae") {
    runtime.fuse = options.fuse;
    runtime.decompose = options.decompose;
    runtime.tracer = options.tracer;
    runtime.value_fault = options.value_fault;
    guard_mode = options.guard;
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
  GuardMode guard_mode = GuardMode::Retry;
  Network dit, gemma, jina, decoder, encoder;
  std::optional<Fingerprints> fingerprints;
  LatentTap tap;

  // Programs by shape.
  std::map<int64_t, Program> gemma_programs, gemma_hidden_programs, jina_programs, context_programs;
  std::map<std::array<int64_t, 3>, Program> step_programs;
  std::map<std::array<int64_t, 2>, Program> decoder_programs, encoder_programs;

  // One walk from noise, or from a noised picture, to a latent.
  struct Pass {
    PictureSize size;
    int64_t h = 0, w = 0;  // latent
    NoiseLevels noise;
  };

  // A request after everything is known that can be known without weights.
  struct Prepared {
    std::vector<Pass> passes;  // the first, and the hires pass if there is one
    std::optional<InitPicture> init;
    const Sampler* sampler = nullptr;
    std::string system_prompt;
    std::vector<TokenizedPrompt> prompts;  // the prompt, and the negative one where guidance needs it
    std::optional<PreviewFactors> preview_factors;
    bool decodes_previews = false;
    MemoryPlan plan;

    const Pass& first() const { return passes.front(); }
    const Pass& last() const { return passes.back(); }
    bool masked() const { return init && init->mask; }
  };

  // A request that fails must not leave a part of a network loaded: the next plan counts on all of its weights or none.
  // Whole ones are kept when the user just stopped.
  class FreeOnFailure {
   public:
    FreeOnFailure(Impl& impl, const StopToken& stop) : impl_(impl), stop_(stop) {}
    ~FreeOnFailure() {
      if (std::uncaught_exceptions() == before_) return;
      impl_.gemma.free();
      impl_.jina.free();
      impl_.encoder.free();
      if (whole_ && stop_.stop_requested()) return;
      impl_.dit.free();
      impl_.decoder.free();
    }
    FreeOnFailure(const FreeOnFailure&) = delete;
    FreeOnFailure& operator=(const FreeOnFailure&) = delete;

    void denoiser_is_whole(bool whole) { whole_ = whole; }

   private:
    Impl& impl_;
    StopToken stop_;
    int before_ = std::uncaught_exceptions();
    bool whole_ = false;
  };

  void check_parts_fit() const;
  // For values that no precision cures: Error{BadFile} when a weight is no number, which names it.
  void name_damage(std::string_view where);
  TokenizedPrompt tokenize(const EncoderTexts& texts, const WeightedPrompt& prompt, const GenerateRequest& r,
                           const char* which);
  void weigh(const TokenizedPrompt& t, const Buffer& arena, const Buffer& hidden, std::span<float> features,
             StopToken stop);
  Prepared prepare(const GenerateRequest& request);
  MemoryPlan make_plan(const Prepared& p, const GenerateRequest& r, Residency residency);
  void encode(const Prepared& p, std::vector<Conditioning>& conditioning, Guard& guard, Progress& progress,
              StopToken stop, std::vector<StageTime>& times);
  // Which picture of which pass is drawn, and what it is held to: an empty latent for none.
  struct Walk {
    const Pass& pass;
    int picture;
    const char* stage;
    std::span<const float> held_latent, held_mask;
  };
  void denoise(const Prepared& p, const GenerateRequest& r, const Walk& walk,
               std::span<const Conditioning> conditioning, std::span<float> latent, Guard& guard, Progress& progress,
               StopToken stop, int64_t& evaluations);
  Image decode(const Pass& pass, std::span<const float> latent, const char* stage, Guard& guard, StopToken stop);
  // In an arena that is there already; a preview has no guard.
  Image decode(const Pass& pass, std::span<const float> latent, const Buffer& arena, const char* stage, Guard* guard,
               StopToken stop);
  void encode_picture(const Pass& pass, const Image& picture, std::span<float> latent, const char* stage, Guard& guard,
                      StopToken stop);
  void load_decoder(const Prepared& p, StopToken stop) {
    for (const Pass& pass : p.passes) decoder.load(decoder_program(pass.h, pass.w), stop);
  }

  template <typename Key, typename Make>
  const Program& cached(std::map<Key, Program>& programs, const Key& key, const Network& network, Make make) {
    auto it = programs.find(key);
    if (it == programs.end()) it = programs.emplace(key, network.compile(make())).first;
    return it->second;
  }
  Graph gemma_graph(int64_t tokens) const { return gemma3_features(text_encoder.sizes, tokens); }
  Graph jina_graph(int64_t tokens) const { return jina_text(clip_model.sizes, tokens); }
  Graph context_graph(int64_t tokens) const { return next_dit_context(transformer.sizes, tokens); }
  Graph step_graph(int64_t tokens, int64_t h, int64_t w) const {
    return next_dit_step(transformer.sizes, tokens, h, w);
  }
  Graph decoder_graph(int64_t h, int64_t w) const { return flux_vae_decoder(vae.sizes, h, w); }
  Graph encoder_graph(const Pass& pass) const { return flux_vae_encoder(vae.sizes, pass.size.height, pass.size.width); }
  const Program& gemma_program(int64_t tokens) {
    return cached(gemma_programs, tokens, gemma, [&] { return gemma_graph(tokens); });
  }
  const Program& gemma_hidden_program(int64_t tokens) {
    return cached(gemma_hidden_programs, tokens, gemma,
                  [&] { return gemma3_features_with_hidden(text_encoder.sizes, tokens); });
  }
  const Program& jina_program(int64_t tokens) {
    return cached(jina_programs, tokens, jina, [&] { return jina_graph(tokens); });
  }
  const Program& context_program(int64_t tokens) {
    return cached(context_programs, tokens, dit, [&] { return context_graph(tokens); });
  }
  const Program& step_program(int64_t tokens, int64_t h, int64_t w) {
    return cached(step_programs, {tokens, h, w}, dit, [&] { return step_graph(tokens, h, w); });
  }
  const Program& decoder_program(int64_t h, int64_t w) {
    return cached(decoder_programs, {h, w}, decoder, [&] { return decoder_graph(h, w); });
  }

  const Program& encoder_program(const Pass& pass) {
    return cached(encoder_programs, {pass.h, pass.w}, encoder, [&] { return encoder_graph(pass); });
  }

  size_t latent_elements(const Pass& pass) const {
    return static_cast<size_t>(transformer.sizes.latent_channels * pass.h * pass.w);
  }
  size_t latent_bytes(const Pass& pass) const { return latent_elements(pass) * sizeof(float); }
  static size_t mask_bytes(const Pass& pass) { return static_cast<size_t>(pass.h * pass.w) * sizeof(float); }
  static size_t picture_bytes(const Pass& pass) {
    return static_cast<size_t>(pass.size.width * pass.size.height) * 3 * sizeof(float);
  }
  size_t features_bytes(const TokenizedPrompt& t) const {
    return t.gemma.size() * static_cast<size_t>(text_encoder.sizes.width) * sizeof(float);
  }
  // What weights below 1 need beside the features: those of an encoding with hidden tokens, and which they are.
  size_t hidden_bytes(const Prepared& p) const {
    size_t out = 0;
    for (const TokenizedPrompt& t : p.prompts)
      if (t.hides()) out = std::max(out, features_bytes(t) + t.gemma.size() * sizeof(float));
    return out;
  }
  size_t pooled_bytes() const { return static_cast<size_t>(clip_model.sizes.width) * sizeof(float); }
  size_t context_bytes(const TokenizedPrompt& t) const {
    return t.gemma.size() * static_cast<size_t>(transformer.sizes.dim) * sizeof(float);
  }
  // What decoding takes beside its arena.
  size_t decode_bytes(const Pass& pass) const { return latent_bytes(pass) + picture_bytes(pass); }
  // Velocities, the vectors the sampler works in, and for a mask the noise and what the network is shown.
  size_t walk_bytes(const Prepared& p, const Pass& pass) const {
    return latent_bytes(pass) *
           (static_cast<size_t>(p.sampler->state_vectors) + p.prompts.size() + (p.masked() ? 2 : 0));
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

void TextToImage::Impl::name_damage(std::string_view where) {
  for (const Part* part : std::initializer_list<const Part*>{&text_encoder, &clip_model, &transformer, &vae})
    if (const std::vector<BadValues> bad = find_bad_values(part->files, runtime.pool); !bad.empty())
      fail_with_hint(ErrorKind::BadFile,
                     "the file is damaged: fetch it again; newbie inspect --check-weights lists all",
                     "{}: tensor {} has {} at element {}: {} cannot be computed", part->path.string(),
                     in_quotes(bad.front().tensor), bad.front().value, bad.front().index, where);
}

TokenizedPrompt TextToImage::Impl::tokenize(const EncoderTexts& texts, const WeightedPrompt& prompt,
                                            const GenerateRequest& r, const char* which) {
  TokenizedPrompt out;
  const auto one = [&](const Tokenizer& tokenizer, const std::string& text, size_t limit, int64_t rows,
                       const Part& part, const char* reader) {
    TokenizedText t = tokenizer.encode(text, limit);
    if (t.lost_tokens != 0)
      log.warn("the {} is longer than {} tokens for {}: {} tokens are lost, from {} on", which, limit, reader,
               t.lost_tokens, in_quotes(t.lost_text));
    for (int32_t id : t.ids)
      if (id < 0 || id >= rows)
        fail_with_hint(ErrorKind::BadFile, "is this another model's tokenizer?",
                       "{}: the tokenizer gives id {}, the embedding has {} rows", part.path.string(), id, rows);
    return t;
  };
  TokenizedText gemma_text =
      one(*gemma_tokenizer, texts.gemma_text, r.max_gemma_tokens, text_encoder.sizes.vocabulary, text_encoder, "Gemma");
  if (!prompt.spans.empty()) {
    if (gemma_text.specials_before == 0)
      fail(ErrorKind::Unsupported, "{}: prompt weights need a tokenizer that starts with a special token",
           text_encoder.path.string());
    out.gemma_weights =
        token_weights(texts.gemma_text, texts.gemma_text.size() - prompt.text.size(), prompt.spans, gemma_text);
  }
  out.gemma = std::move(gemma_text.ids);
  out.jina =
      one(*jina_tokenizer, texts.jina_text, r.max_jina_tokens, clip_model.sizes.vocabulary, clip_model, "Jina CLIP")
          .ids;
  return out;
}

TextToImage::Impl::Prepared TextToImage::Impl::prepare(const GenerateRequest& r) {
  check_request(r);
  Prepared p;
  const int64_t downscale = vae.sizes.downscale();
  const int64_t step = downscale * transformer.sizes.patch;
  const auto add_pass = [&](PictureSize size, NoiseLevels noise) {
    p.passes.push_back({size, size.height / downscale, size.width / downscale, std::move(noise)});
  };
  add_pass(picture_size(r, vae.sizes.sample_size, step), noise_levels(r));
  if (r.hires_scale != 0) add_pass(hires_size(r, p.first().size, step), hires_noise_levels(r));
  p.sampler = &find_sampler(r.sampler);
  const auto weighted = [&](const std::string& text, const char* what) {
    return r.weights ? parse_weights(text, what) : WeightedPrompt{.text = text};
  };
  const WeightedPrompt prompt = weighted(r.prompt, "the prompt");
  const SystemPrompt system = resolve_system_prompt(r.system_prompt, prompt.text);
  p.system_prompt = system.text;
  p.prompts.push_back(tokenize(route_prompt(prompt.text, system.text, r.routing), prompt, r, "prompt"));
  if (r.cfg != 1.0) {
    const WeightedPrompt negative = weighted(r.negative_prompt, "the negative prompt");
    p.prompts.push_back(
        tokenize(route_negative_prompt(negative.text, system.text, r.routing), negative, r, "negative prompt"));
  }

  const size_t budget = budget_bytes != 0 ? budget_bytes : available_memory_bytes() + resident_bytes();
  const auto refuse = [&](const char* needs, size_t bytes) {
    fail_with_hint(ErrorKind::OverBudget, "ask for a smaller picture, or give --memory at least that much",
                   "this request needs {}{:.0f} MiB, the budget is {:.0f} MiB", needs,
                   std::ceil(static_cast<double>(bytes) / (1 << 20)),
                   std::floor(static_cast<double>(budget) / (1 << 20)));
  };
  // The residual stream and one branch of it are alive together, whatever else is: no need to build graphs of millions
  // of tokens to see that these two do not fit.
  const int64_t patch = transformer.sizes.patch;
  const size_t tokens = checked_mul(static_cast<size_t>(p.last().h / patch), static_cast<size_t>(p.last().w / patch));
  const size_t least = checked_mul(tokens, static_cast<size_t>(transformer.sizes.dim) * 2 * sizeof(float));
  if (least > budget) refuse("more than ", least);
  p.init = init_picture(r, p.first().size);
  if (r.preview_every > 0) {
    if (r.preview_method == PreviewMethod::Linear) p.preview_factors = read_preview_factors(vae);
    p.decodes_previews = !p.preview_factors;
    if (p.decodes_previews && r.preview_method == PreviewMethod::Linear)
      log.warn("no {}: previews are decoded, which takes longer; newbie dev fit-preview makes one",
               preview_factors_path(vae).string());
  }

  p.plan = make_plan(p, r, Residency::FreeEncoders);
  if (p.plan.peak_bytes() > budget) p.plan = make_plan(p, r, Residency::FreeEachStage);
  if (p.plan.peak_bytes() > budget) refuse("", p.plan.peak_bytes());
  p.plan.budget_bytes = budget;
  return p;
}

MemoryPlan TextToImage::Impl::make_plan(const Prepared& p, const GenerateRequest& r, Residency residency) {
  const auto largest = [](std::span<const Program* const> programs, size_t MemoryReport::*field) {
    size_t out = 0;
    for (const Program* program : programs) out = std::max(out, program->memory().*field);
    return out;
  };
  std::vector<const Program*> gemmas, jinas, contexts, dits, decoders;
  size_t features = 0, pooled = 0, context = 0, mapped = 0;
  for (const TokenizedPrompt& t : p.prompts) {
    gemmas.push_back(&gemma_program(t.caption_tokens()));
    mapped += gemma.mapped_bytes(*gemmas.back(), t.caption_tokens());
    if (t.hides()) gemmas.push_back(&gemma_hidden_program(t.caption_tokens()));
    jinas.push_back(&jina_program(static_cast<int64_t>(t.jina.size())));
    contexts.push_back(&context_program(t.caption_tokens()));
    features += features_bytes(t);
    pooled += pooled_bytes();
    context += context_bytes(t);
  }
  const auto steps_of = [&](const Pass& pass) {
    std::vector<const Program*> out;
    for (const TokenizedPrompt& t : p.prompts) out.push_back(&step_program(t.caption_tokens(), pass.h, pass.w));
    return out;
  };
  dits = contexts;
  for (const Pass& pass : p.passes) {
    const std::vector<const Program*> steps = steps_of(pass);
    dits.insert(dits.end(), steps.begin(), steps.end());
    decoders.push_back(&decoder_program(pass.h, pass.w));
  }
  const WeightBank::Plan gemma_weights = gemma.plan(gemmas), jina_weights = jina.plan(jinas),
                         dit_weights = dit.plan(dits), vae_weights = decoder.plan(decoders);
  const auto batch = static_cast<size_t>(r.batch);
  const bool apart = residency == Residency::FreeEachStage;

  // The run, replayed: weights and buffers that are there between stages. The transformer and the decoder of an earlier
  // request may still be.
  size_t dit_now = dit.resident_bytes(), decoder_now = decoder.resident_bytes(), buffers = 0;
  MemoryPlan plan{.residency = residency};
  const auto stage = [&](const char* name, std::span<const Program* const> programs, size_t own_weights,
                         size_t own_buffers, size_t loading_peak) {
    plan.stages.push_back({name, dit_now + decoder_now + own_weights, largest(programs, &MemoryReport::arena_bytes),
                           largest(programs, &MemoryReport::scratch_bytes), buffers + own_buffers, loading_peak});
  };
  const auto encode_stage = [&](const char* name, const Pass& pass, size_t loading_before) {
    const std::vector<const Program*> programs{&encoder_program(pass)};
    const WeightBank::Plan weights = encoder.plan(programs);
    stage(name, programs, weights.bytes, picture_bytes(pass) + 2 * latent_bytes(pass),
          std::max(loading_before, dit_now + decoder_now + buffers + weights.peak_bytes));
    return weights.bytes;
  };
  const auto load_decoder_peak = [&] {
    const size_t peak = decoder_now != 0 ? 0 : dit_now + buffers + vae_weights.peak_bytes;
    decoder_now = vae_weights.bytes;
    return peak;
  };
  const auto decode_stage = [&](const char* name, const Pass& pass, size_t own_weights, size_t loading_peak) {
    const std::vector<const Program*> programs{&decoder_program(pass.h, pass.w)};
    stage(name, programs, own_weights, decode_bytes(pass), loading_peak);
  };

  // A walk, with the decoder beside it when previews are decoded: both use the same arena in turn.
  const auto walk_stage = [&](const char* name, const Pass& pass, size_t beside, size_t loading_peak) {
    std::vector<const Program*> programs = steps_of(pass);
    if (p.decodes_previews) {
      programs.push_back(&decoder_program(pass.h, pass.w));
      loading_peak = std::max(loading_peak, load_decoder_peak());
    }
    stage(name, programs, beside, walk_bytes(p, pass) + (p.decodes_previews ? decode_bytes(pass) : 0), loading_peak);
  };

  const size_t held = p.init ? latent_bytes(p.first()) + (p.masked() ? mask_bytes(p.first()) : 0) : 0;
  buffers += held;
  if (p.init) encode_stage("picture", p.first(), 0);
  stage("gemma", gemmas, gemma_weights.bytes, features + hidden_bytes(p),
        dit_now + decoder_now + buffers + gemma_weights.peak_bytes);
  buffers += features;
  stage("jina", jinas, jina_weights.bytes, pooled, dit_now + decoder_now + buffers + jina_weights.peak_bytes);
  buffers += pooled;
  const size_t loading_dit = dit_now != 0 ? 0 : decoder_now + buffers + dit_weights.peak_bytes;
  dit_now = dit_weights.bytes;
  stage("context", contexts, 0, context, loading_dit);
  const size_t text = pooled + context;
  buffers += context - features + batch * latent_bytes(p.first());
  if (p.passes.size() > 1) {
    walk_stage("denoise", p.first(), 0, 0);
    buffers -= held;
    if (apart) dit_now = 0;
    buffers += batch * latent_bytes(p.last());  // enlarged and encoded
    const size_t loading_decoder = load_decoder_peak();
    const std::vector<const Program*> encoders{&encoder_program(p.last())};
    const size_t encoder_bytes = encoder.plan(encoders).bytes;
    decode_stage("enlarge", p.first(), encoder_bytes, loading_decoder);
    encode_stage("encode", p.last(), 0);
    buffers += batch * (latent_bytes(p.last()) - latent_bytes(p.first()));  // the latents of the second pass
    if (apart && !p.decodes_previews) decoder_now = 0;
  }
  const std::vector<const Program*> last_steps = steps_of(p.last());
  size_t loading_again = 0;
  if (dit_now == 0) {
    const WeightBank::Plan weights = dit.plan(last_steps);
    loading_again = decoder_now + buffers + weights.peak_bytes;
    dit_now = weights.bytes;
  }
  // From the second picture of a batch on, the decoder is there while the next one is drawn.
  const size_t beside = !apart && batch > 1 && decoder_now == 0 && !p.decodes_previews ? vae_weights.bytes : 0;
  walk_stage(p.passes.size() > 1 ? "hires" : "denoise", p.last(), beside, loading_again);
  if (apart) {
    dit_now = 0;
    buffers -= text;
  }
  const size_t loading_decoder = load_decoder_peak();
  decode_stage("decode", p.last(), 0, loading_decoder);
  plan.mapped_bytes = mapped;
  // Building the programs leaves megabytes of freed heap behind, which the run will use again.
  release_free_heap();
  const size_t resident = resident_bytes();
  plan.process_bytes = resident - std::min(resident, runtime.allocator.in_use_bytes());
  return plan;
}

void TextToImage::Impl::encode(const Prepared& p, std::vector<Conditioning>& conditioning, Guard& guard,
                               Progress& progress, StopToken stop, std::vector<StageTime>& times) {
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
    for (const TokenizedPrompt& t : p.prompts) {
      gemma.load(gemma_program(t.caption_tokens()), stop);
      if (t.hides()) gemma.load(gemma_hidden_program(t.caption_tokens()), stop);
    }
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "gemma arena");
    const Buffer hidden = runtime.allocator.allocate(hidden_bytes(p), "features with hidden tokens");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const std::vector<int32_t>& ids = p.prompts[i].gemma;
      const auto tokens = static_cast<int64_t>(ids.size());
      Buffer& out = conditioning[i].features =
          runtime.allocator.allocate(features_bytes(p.prompts[i]), "text features");
      Bindings b;
      b.inputs["ids"] = {{Shape{tokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
      b.outputs["features"] = {f32({tokens, text_encoder.sizes.width}), out.data()};
      guard.run({gemma, [&] { return gemma_graph(tokens); }, gemma_program(tokens), arena, b, "gemma"}, stop);
      if (!p.prompts[i].gemma_weights.empty()) {
        weigh(p.prompts[i], arena, hidden, {out.as<float>(), out.size() / sizeof(float)}, stop);
        guard.check_finite(floats(out), "the weighted text");
      }
    }
    guard.end_stage(gemma);
    gemma.free();
  });

  timed("jina", [&](const StagePlan& stage) {
    for (const TokenizedPrompt& t : p.prompts) jina.load(jina_program(static_cast<int64_t>(t.jina.size())), stop);
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "jina arena");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const std::vector<int32_t>& ids = p.prompts[i].jina;
      const auto tokens = static_cast<int64_t>(ids.size());
      Buffer& out = conditioning[i].pooled = runtime.allocator.allocate(pooled_bytes(), "pooled text");
      Bindings b;
      b.inputs["ids"] = {{Shape{tokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
      b.outputs["pooled"] = {f32({1, clip_model.sizes.width}), out.data()};
      guard.run({jina, [&] { return jina_graph(tokens); }, jina_program(tokens), arena, b, "jina"}, stop);
    }
    guard.end_stage(jina);
    jina.free();
  });

  timed("context", [&](const StagePlan& stage) {
    for (const TokenizedPrompt& t : p.prompts) dit.load(context_program(t.caption_tokens()), stop);
    for (const Pass& pass : p.passes)
      for (const TokenizedPrompt& t : p.prompts) dit.load(step_program(t.caption_tokens(), pass.h, pass.w), stop);
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "context arena");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const int64_t tokens = p.prompts[i].caption_tokens();
      Buffer& out = conditioning[i].context =
          runtime.allocator.allocate(context_bytes(p.prompts[i]), "caption context");
      Bindings b;
      b.inputs["caption"] = {f32({tokens, transformer.sizes.caption_width}), conditioning[i].features.data()};
      b.outputs["context"] = {f32({tokens, transformer.sizes.dim}), out.data()};
      guard.run({dit, [&] { return context_graph(tokens); }, context_program(tokens), arena, b, "context"}, stop);
    }
    guard.end_stage(dit);
    for (Conditioning& c : conditioning) c.features = {};
  });
}

void TextToImage::Impl::weigh(const TokenizedPrompt& t, const Buffer& arena, const Buffer& hidden,
                              std::span<float> features, StopToken stop) {
  if (!t.hides()) return weigh_features(t.gemma_weights, {}, features);
  const std::span<float> without(hidden.as<float>(), features.size());
  const std::span<float> bias(hidden.as<float>() + features.size(), t.gemma.size());
  hiding_bias(t.gemma_weights, bias);
  Bindings b;
  b.inputs["ids"] = {{Shape{t.caption_tokens()}, DType::I32}, reinterpret_cast<const std::byte*>(t.gemma.data())};
  b.inputs["key_bias"] = {f32({t.caption_tokens()}), reinterpret_cast<const std::byte*>(bias.data())};
  b.outputs["features"] = {f32({t.caption_tokens(), text_encoder.sizes.width}),
                           reinterpret_cast<std::byte*>(without.data())};
  gemma.run(gemma_hidden_program(t.caption_tokens()), arena, b, stop);
  weigh_features(t.gemma_weights, without, features);
}

void TextToImage::Impl::denoise(const Prepared& p, const GenerateRequest& r, const Walk& walk,
                                std::span<const Conditioning> conditioning, std::span<float> latent, Guard& guard,
                                Progress& progress, StopToken stop, int64_t& evaluations) {
  const Pass& pass = walk.pass;
  const size_t n = latent.size();
  const Shape latent_shape{transformer.sizes.latent_channels, pass.h, pass.w};
  size_t arena_bytes = 0;
  for (const TokenizedPrompt& t : p.prompts)
    arena_bytes = std::max(arena_bytes, step_program(t.caption_tokens(), pass.h, pass.w).memory().arena_bytes);
  if (p.decodes_previews) arena_bytes = std::max(arena_bytes, decoder_program(pass.h, pass.w).memory().arena_bytes);
  const Buffer arena = runtime.allocator.allocate(arena_bytes, "denoiser arena");
  const Buffer vectors = runtime.allocator.allocate(walk_bytes(p, pass), "sampler state");
  std::span<float> rest(vectors.as<float>(), vectors.size() / sizeof(float));
  const auto take = [&] {
    const std::span<float> out = rest.first(n);
    rest = rest.subspan(n);
    return out;
  };
  const std::span<float> v_cond = take(), v_uncond = p.prompts.size() > 1 ? take() : std::span<float>{};
  const bool masked = !walk.held_mask.empty();
  const std::span<float> noise = masked ? take() : std::span<float>{}, shown = masked ? take() : std::span<float>{};
  std::copy_n(latent.begin(), noise.size(), noise.begin());
  const HeldPicture held{walk.held_latent, noise, walk.held_mask};
  const double first_sigma = pass.noise.sigmas.front();
  if (!walk.held_latent.empty()) {
    noise_latent(first_sigma, walk.held_latent, latent);
  } else if (first_sigma < 1.0) {
    // A schedule written by hand may start below pure noise: with no picture to start from, the noise is scaled.
    for (float& v : latent) v *= static_cast<float>(first_sigma);
  }

  const auto velocity = [&](size_t prompt, std::span<const float> x, float t, std::span<float> out) {
    const int64_t tokens = p.prompts[prompt].caption_tokens();
    Bindings b;
    b.inputs["latent"] = {f32(latent_shape), reinterpret_cast<const std::byte*>(x.data())};
    b.inputs["time"] = {f32({1}), reinterpret_cast<const std::byte*>(&t)};
    b.inputs["context"] = {f32({tokens, transformer.sizes.dim}), conditioning[prompt].context.data()};
    b.inputs["pooled"] = {f32({transformer.sizes.pooled_width}), conditioning[prompt].pooled.data()};
    b.outputs["velocity"] = {f32(latent_shape), reinterpret_cast<std::byte*>(out.data())};
    guard.run({dit, [&] { return step_graph(tokens, pass.h, pass.w); }, step_program(tokens, pass.h, pass.w), arena, b,
               walk.stage},
              stop);
    ++evaluations;
  };

  const int total = static_cast<int>(p.sampler->evaluations(static_cast<int>(pass.noise.sigmas.size()) - 1));
  int done = 0;
  SampleRun run{
      .sigmas = pass.noise.sigmas,
      .options = {.eta = r.eta,
                  .seed = r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(walk.picture) : r.seed},
      .stop = stop};
  run.denoise = [&](std::span<const float> state, double t, std::span<float> out) {
    const auto start = Clock::now();
    const auto time = static_cast<float>(t);
    guard.at(walk.picture, done + 1);
    if (masked) show_held(held, 1.0 - t, state, shown);
    const std::span<const float> x = masked ? shown : state;
    velocity(0, x, time, v_cond);
    if (p.prompts.size() > 1 && guidance_active(t, r.cfg, r.cfg_trunc)) {
      velocity(1, x, time, v_uncond);
      combine_cfg(v_cond, v_uncond, r.cfg, out);
      if (r.renorm_cfg > 0) renorm_cfg(v_cond, r.renorm_cfg, out);
      if (r.rescale_cfg > 0) rescale_cfg(x, v_cond, 1.0 - t, r.rescale_cfg, out);
    } else {
      std::copy(v_cond.begin(), v_cond.end(), out.begin());
    }
    if (masked) steer_to_held(held, 1.0 - t, state, out);
    guard.check_finite(out, "the guided velocity");
    progress.on_step({walk.picture, r.batch, ++done, total, seconds_since(start)});
  };
  run.on_step = [&](const SampleStep& s) {
    guard.check_finite(s.latent, "the latent");
    if (tap) tap(walk.picture, s.index, s.latent);
    if (r.preview_every == 0 || (s.index + 1) % r.preview_every != 0 || s.index + 1 == s.intervals) return;
    const Image image = p.decodes_previews
                            ? decode(pass, s.denoised, arena, "preview", nullptr, stop)
                            : linear_preview(*p.preview_factors, s.denoised, pass.h, pass.w, vae.sizes.downscale());
    progress.on_preview({walk.picture, s.index + 1, s.intervals, image});
  };
  sample(*p.sampler, run, latent, rest);
  guard.at(walk.picture, 0);
  guard.end_stage(dit);
  if (masked) restore_held(held, latent);
}

Image TextToImage::Impl::decode(const Pass& pass, std::span<const float> latent, const char* stage, Guard& guard,
                                StopToken stop) {
  const Buffer arena =
      runtime.allocator.allocate(decoder_program(pass.h, pass.w).memory().arena_bytes, "decoder arena");
  return decode(pass, latent, arena, stage, &guard, stop);
}

Image TextToImage::Impl::decode(const Pass& pass, std::span<const float> latent, const Buffer& arena, const char* stage,
                                Guard* guard, StopToken stop) {
  const Program& program = decoder_program(pass.h, pass.w);
  const Buffer raw = runtime.allocator.allocate(latent.size() * sizeof(float), "raw latent");
  for (size_t i = 0; i < latent.size(); ++i)
    raw.as<float>()[i] =
        latent[i] / static_cast<float>(vae.sizes.scaling_factor) + static_cast<float>(vae.sizes.shift_factor);
  const Buffer picture = runtime.allocator.allocate(picture_bytes(pass), "decoded picture");
  Bindings b;
  b.inputs["latent"] = {f32({vae.sizes.latent_channels, pass.h, pass.w}), raw.data()};
  b.outputs["picture"] = {f32({pass.size.height, pass.size.width, 3}), picture.data()};
  const auto rounded = [&] {
    return from_signed_floats(floats(picture), static_cast<int>(pass.size.width), static_cast<int>(pass.size.height));
  };
  if (guard == nullptr) {
    decoder.run(program, arena, b, stop);
    return rounded();
  }
  const Guard::Work work{decoder, [&] { return decoder_graph(pass.h, pass.w); }, program, arena, b, stage};
  guard->run(work, stop);
  Image out = rounded();
  guard->check_picture(out, work, rounded, stop);
  guard->end_stage(decoder);
  return out;
}

// The normalised mode of the encoder's distribution: nothing is drawn at random.
void TextToImage::Impl::encode_picture(const Pass& pass, const Image& image, std::span<float> latent, const char* stage,
                                       Guard& guard, StopToken stop) {
  const Program& program = encoder_program(pass);
  const Buffer arena = runtime.allocator.allocate(program.memory().arena_bytes, "encoder arena");
  const Buffer picture = runtime.allocator.allocate(picture_bytes(pass), "picture to encode");
  to_signed_floats(image, {picture.as<float>(), picture.size() / sizeof(float)});
  const Buffer moments = runtime.allocator.allocate(2 * latent_bytes(pass), "moments");
  Bindings b;
  b.inputs["picture"] = {f32({pass.size.height, pass.size.width, 3}), picture.data()};
  b.outputs["moments"] = {f32({2 * vae.sizes.latent_channels, pass.h, pass.w}), moments.data()};
  guard.run({encoder, [&] { return encoder_graph(pass); }, program, arena, b, stage}, stop);
  guard.end_stage(encoder);
  for (size_t i = 0; i < latent.size(); ++i)
    latent[i] = (moments.as<float>()[i] - static_cast<float>(vae.sizes.shift_factor)) *
                static_cast<float>(vae.sizes.scaling_factor);
}

TextToImage::TextToImage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextToImage::~TextToImage() = default;
TextToImage::TextToImage(TextToImage&&) noexcept = default;
TextToImage& TextToImage::operator=(TextToImage&&) noexcept = default;

TextToImage TextToImage::open(const ModelPaths& paths, const EngineOptions& options, Log& log) try {
  return TextToImage(std::make_unique<Impl>(locate_model(paths).paths, options, log));
} catch (...) {
  rethrow_as_error();
}

MemoryPlan TextToImage::plan(const GenerateRequest& request) try { return impl_->prepare(request).plan; } catch (...) {
  rethrow_as_error();
}

GenerateResult TextToImage::generate(const GenerateRequest& r, Progress& progress, StopToken stop,
                                     const std::function<void(GeneratedImage)>& on_image) try {
  Impl& m = *impl_;
  GenerateResult result;
  Impl::FreeOnFailure failure(m, stop);
  const auto start = Clock::now();
  m.runtime.allocator.reset_peak();
  progress.on_stage("plan");
  const Impl::Prepared p = m.prepare(r);
  result.times.push_back({"plan", seconds_since(start)});
  Guard guard(m.guard_mode, m.runtime, m.log, p.plan, [&](std::string_view where) { m.name_damage(where); });
  const bool apart = p.plan.residency == Residency::FreeEachStage;
  const auto timed = [&](const char* stage, double& seconds, auto&& work) {
    progress.on_stage(stage);
    const auto begin = Clock::now();
    work();
    seconds += seconds_since(begin);
  };
  double picture_seconds = 0, denoise_seconds = 0, enlarge_seconds = 0, decode_seconds = 0;

  // What the first pass is held to: the picture's latent, and the mask behind it.
  const size_t n = m.latent_elements(p.first());
  Buffer held;
  if (p.init) {
    held = m.runtime.allocator.allocate(n * sizeof(float) + (p.masked() ? m.mask_bytes(p.first()) : 0), "picture");
    timed("picture", picture_seconds, [&] {
      m.encoder.load(m.encoder_program(p.first()), stop);
      m.encode_picture(p.first(), p.init->picture, {held.as<float>(), n}, "picture", guard, stop);
      m.encoder.free();
      if (p.masked())
        latent_mask(*p.init->mask, m.vae.sizes.downscale(), {held.as<float>() + n, held.size() / sizeof(float) - n});
    });
    result.times.push_back({"picture", picture_seconds});
  }
  std::vector<Conditioning> conditioning;
  m.encode(p, conditioning, guard, progress, stop, result.times);
  failure.denoiser_is_whole(p.plan.residency == Residency::FreeEncoders);

  // Latents of a pass, one after the other, filled with noise.
  const auto batch = static_cast<size_t>(r.batch);
  const auto noise_for = [&](const Impl::Pass& pass) {
    const size_t count = m.latent_elements(pass);
    Buffer out = m.runtime.allocator.allocate(count * sizeof(float) * batch, "latents");
    if (r.batch_noise == BatchNoise::Slices) {
      TorchGenerator(r.seed).normal({out.as<float>(), count * batch});
    } else {
      for (size_t k = 0; k < batch; ++k) TorchGenerator(r.seed + k).normal({out.as<float>() + k * count, count});
    }
    return out;
  };
  const auto latent_of = [&](const Buffer& all, const Impl::Pass& pass, int k) {
    const size_t count = m.latent_elements(pass);
    return std::span<float>(all.as<float>() + static_cast<size_t>(k) * count, count);
  };
  Buffer latents = noise_for(p.first());
  if (p.decodes_previews) m.load_decoder(p, stop);
  const auto draw_first = [&](int k) {
    timed("denoise", denoise_seconds, [&] {
      Impl::Walk walk{p.first(), k, "denoise", {}, {}};
      if (p.init) walk.held_latent = {held.as<float>(), n};
      if (p.masked()) walk.held_mask = {held.as<float>() + n, held.size() / sizeof(float) - n};
      m.denoise(p, r, walk, conditioning, latent_of(latents, p.first(), k), guard, progress, stop, result.evaluations);
    });
  };

  // With a second pass: all pictures drawn small, enlarged and encoded, before any is drawn large.
  Buffer enlarged;
  const bool hires = p.passes.size() > 1;
  if (hires) {
    for (int k = 0; k < r.batch; ++k) draw_first(k);
    held = {};
    if (apart) m.dit.free();
    enlarged = m.runtime.allocator.allocate(m.latent_bytes(p.last()) * batch, "enlarged latents");
    timed("enlarge", enlarge_seconds, [&] {
      m.load_decoder(p, stop);
      m.encoder.load(m.encoder_program(p.last()), stop);
      for (int k = 0; k < r.batch; ++k) {
        const Image small = m.decode(p.first(), latent_of(latents, p.first(), k), "enlarge", guard, stop);
        const PictureSize size = p.last().size;
        m.encode_picture(p.last(), resize_lanczos(small, static_cast<int>(size.width), static_cast<int>(size.height)),
                         latent_of(enlarged, p.last(), k), "encode", guard, stop);
      }
      m.encoder.free();
      if (apart && !p.decodes_previews) m.decoder.free();
    });
    latents = {};
    latents = noise_for(p.last());
    if (apart)
      for (const TokenizedPrompt& t : p.prompts)
        m.dit.load(m.step_program(t.caption_tokens(), p.last().h, p.last().w), stop);
  }
  const auto draw = [&](int k) {
    if (!hires) return draw_first(k);
    timed("hires", denoise_seconds, [&] {
      m.denoise(p, r, {p.last(), k, "hires", latent_of(enlarged, p.last(), k), {}}, conditioning,
                latent_of(latents, p.last(), k), guard, progress, stop, result.evaluations);
    });
  };
  const auto finish = [&](int k) {
    const uint64_t seed = r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(k) : r.seed;
    GeneratedImage out{.seed = seed};
    guard.at(k, 0);
    timed("decode", decode_seconds, [&] {
      m.load_decoder(p, stop);
      out.image = m.decode(p.last(), latent_of(latents, p.last(), k), "decode", guard, stop);
    });
    if (p.masked()) restore_pixels(*p.init, out.image);
    const PictureFacts facts{
        p.first().size, p.last().size,  seed,          k, p.system_prompt, p.first().noise.schedule,
        m.resolution,   guard.events(), fingerprints()};
    out.parameters = a1111_parameters(r, facts);
    out.request_json = request_json(r, facts);
    on_image(std::move(out));
  };
  if (apart) {
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
  if (hires) result.times.push_back({"enlarge", enlarge_seconds});
  result.times.push_back({"decode", decode_seconds});
  result.times.push_back({"total", seconds_since(start)});
  result.allocated_peak_bytes = m.runtime.allocator.peak_bytes();
  result.plan = p.plan;
  result.plan.stages.insert(result.plan.stages.end(), guard.retries().begin(), guard.retries().end());
  result.guard_events = guard.events();
  return result;
} catch (...) {
  rethrow_as_error();
}

void TextToImage::set_latent_tap(LatentTap tap) { impl_->tap = std::move(tap); }
const Resolution& TextToImage::precision() const { return impl_->resolution; }
int TextToImage::threads() const { return impl_->runtime.pool.size(); }

PictureSize TextToImage::final_size(const GenerateRequest& r) const {
  const int64_t step = impl_->vae.sizes.downscale() * impl_->transformer.sizes.patch;
  const PictureSize first = picture_size(r, impl_->vae.sizes.sample_size, step);
  return r.hires_scale != 0 ? hires_size(r, first, step) : first;
}

const TextToImage::Fingerprints& TextToImage::fingerprints() try {
  Impl& m = *impl_;
  if (!m.fingerprints)
    m.fingerprints = Fingerprints{fingerprint(m.transformer.files.files), fingerprint(m.text_encoder.files.files),
                                  fingerprint(m.clip_model.files.files), fingerprint(m.vae.files.files)};
  return *m.fingerprints;
} catch (...) {
  rethrow_as_error();
}

}  // namespace newbie
