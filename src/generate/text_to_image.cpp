#include "generate/text_to_image.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <new>
#include <stdexcept>
#include <tuple>
#include <utility>

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
#include "generate/text_cache.h"
#include "generate/vae_tiles.h"
#include "generate/weight_cache.h"
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
  // Of the text cache.
  std::optional<std::vector<float>> cached_features, cached_pooled;
  bool hides() const { return !cached_features && needs_hidden(gemma_weights); }
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
        shift(scheduler_shift(paths.folder, l).value_or(kUsualShift)),
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
    for (const Network* network : {&dit, &gemma, &jina, &decoder}) tell_quantised(*network);
    runtime.fuse = options.fuse;
    runtime.decompose = options.decompose;
    runtime.run_tap = options.run_tap;
    runtime.value_fault = options.value_fault;
    guard_mode = options.guard;
    check_parts_fit();
    kept_hashes = options.kept_hashes;
    if (options.text_cache) text_cache.emplace(*options.text_cache, l);
    if (options.weight_cache) use_weight_cache(*options.weight_cache);
  }

  // What a request leaves to the model.
  GenerateRequest with_model_defaults(GenerateRequest request) const {
    if (request.shift == 0) request.shift = shift;
    return request;
  }

  // The stored format of a part is a reason for what it computes in, too: nothing finer can come of it.
  void tell_quantised(const Network& network) {
    const Part& part = part_of(network);
    if (const std::string formats = quantised_formats(part.files); !formats.empty())
      resolution.reasons.push_back(
          fmt::format("{}: stored as {}, widened to what each step computes in", network.part(), formats));
  }
  const Part& part_of(const Network& network) const {
    if (&network == &dit) return transformer;
    if (&network == &gemma) return text_encoder;
    if (&network == &jina) return clip_model;
    return vae;
  }

  Log& log;
  Transformer transformer;
  TextEncoder text_encoder;
  ClipModel clip_model;
  Vae vae;
  double shift;
  std::unique_ptr<Tokenizer> gemma_tokenizer, jina_tokenizer;
  Resolution resolution;
  Runtime runtime;
  size_t budget_bytes;
  GuardMode guard_mode = GuardMode::Retry;
  std::optional<WeightCache> weight_cache;  // the networks use it
  Network dit, gemma, jina, decoder, encoder;
  std::optional<Fingerprints> fingerprints;
  std::optional<std::filesystem::path> kept_hashes;
  std::optional<TextCache> text_cache;
  LatentTap tap;

  // Programs by shape.
  std::map<int64_t, Program> gemma_programs, gemma_hidden_programs, jina_programs, context_programs;
  std::map<std::array<int64_t, 3>, Program> step_programs, first_programs, rest_programs, last_programs;
  std::map<std::tuple<int64_t, int64_t, Bands>, Program> decoder_programs, encoder_programs;
  Bands bands = Bands::None;  // of the variant that is planned or drawn: which of these are used
  // What the first run's plan took the process for: later plans find what that run added already there.
  std::optional<size_t> first_run_process_bytes;
  uint64_t runs_begun = 0;

  // One walk from noise, or from a noised picture, to a latent.
  struct Pass {
    PictureSize size;
    int64_t h = 0, w = 0;  // latent
    NoiseLevels noise;
    std::vector<TileSpan> rows, columns;  // the tiles it is decoded in

    bool tiled() const { return rows.size() * columns.size() > 1; }
  };

  // How a request is drawn: from here on what a budget may ask for.
  struct Variant {
    Residency residency = Residency::FreeEncoders;
    bool fresh = false;                     // what an earlier request left is freed first
    Bands bands = Bands::None;              // of the autoencoder
    StreamedWeights gemma, jina, dit, vae;  // the weights that are not kept
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
    CacheOptions cache;
    Variant variant;
    MemoryPlan plan;  // of `variant`

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
  void use_weight_cache(const std::filesystem::path& folder);
  const Fingerprints& identities();
  TextCacheKey features_key(const TokenizedPrompt& t);
  TextCacheKey pooled_key(const TokenizedPrompt& t);
  // What numbers come out beside weights and ids.
  std::string arithmetic() const {
    return fmt::format("{} {}{}", runtime.precision.hash(), runtime.backend->version(), runtime.fuse ? "" : " unfused");
  }
  // For values that no precision cures: Error{BadFile} when a weight is no number, which names it.
  void name_damage(std::string_view where);
  TokenizedPrompt tokenize(const EncoderTexts& texts, const WeightedPrompt& prompt, const GenerateRequest& r,
                           const char* which);
  void weigh(const TokenizedPrompt& t, const Buffer& arena, const Buffer& hidden, std::span<float> features,
             StopToken stop);
  Prepared prepare(const GenerateRequest& request);
  MemoryPlan make_plan(const Prepared& p, const GenerateRequest& r, const Variant& variant);
  // The fastest variant whose plan is within `budget`, and that plan; the smallest one when none is found.
  void fit(Prepared& p, const GenerateRequest& r, size_t budget);
  // Changes `variant` so that `stage`, which is `over` bytes too large, takes less, at the least cost; empty when
  // nothing is left to change.
  std::string relieve(Variant& variant, const Prepared& p, const GenerateRequest& r, const StagePlan& stage,
                      size_t over, bool may_band);
  // All that can be freed or streamed is.
  std::pair<Variant, MemoryPlan> smallest(const Prepared& p, const GenerateRequest& r, Bands with);
  // The networks as a variant wants them; what it does not keep of earlier requests is freed.
  void apply(const Variant& variant);
  // Programs of a request, by network.
  struct Programs {
    std::vector<const Program*> gemma, jina, context, dit, decoder, encoder;  // dit: context, then steps
  };
  Programs programs_of(const Prepared& p);
  bool can_band() const { return runtime.fuse && !runtime.precision.decompose; }
  void encode(const Prepared& p, std::vector<Conditioning>& conditioning, Guard& guard, RunObserver& observer,
              StopToken stop, std::vector<StageTime>& times);
  // Which picture of which pass is drawn, and what it is held to: an empty latent for none.
  struct Walk {
    const Pass& pass;
    int picture;
    const char* stage;
    std::span<const float> held_latent, held_mask;
  };
  struct Counts {
    int64_t evaluations = 0, shortened = 0;
  };
  void denoise(const Prepared& p, const GenerateRequest& r, const Walk& walk,
               std::span<const Conditioning> conditioning, std::span<float> latent, Guard& guard, RunObserver& observer,
               StopToken stop, Counts& counts);
  Image decode(const Pass& pass, std::span<const float> latent, const char* stage, Guard& guard, StopToken stop);
  // In an arena that is there already; a preview has no guard.
  Image decode(const Pass& pass, std::span<const float> latent, const Buffer& arena, const char* stage, Guard* guard,
               StopToken stop);
  void encode_picture(const Pass& pass, const Image& picture, std::span<float> latent, const char* stage, Guard& guard,
                      StopToken stop);
  void load_decoder(const Prepared& p, StopToken stop) {
    for (const Pass& pass : p.passes) {
      const std::vector<const Program*> programs = decoder_programs_of(pass);
      for (const Program* program : programs) decoder.load(*program, stop);
      decoder.keep_prepared(programs, stop);
    }
  }
  void load_encoder(const Pass& pass, StopToken stop) {
    const Program* program = &encoder_program(pass);
    encoder.load(*program, stop);
    encoder.keep_prepared(std::span(&program, 1), stop);
  }

  template <typename Key, typename Make>
  const Program& cached(std::map<Key, Program>& programs, const Key& key, const Network& network, Make make,
                        Bands in_bands = Bands::None) {
    auto it = programs.find(key);
    if (it == programs.end()) it = programs.emplace(key, network.compile(make(), in_bands)).first;
    return it->second;
  }
  Graph gemma_graph(int64_t tokens) const { return gemma3_features(text_encoder.sizes, tokens); }
  Graph jina_graph(int64_t tokens) const { return jina_text(clip_model.sizes, tokens); }
  Graph context_graph(int64_t tokens) const { return next_dit_context(transformer.sizes, tokens); }
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
  // One step: whole, or in three for a cache.
  struct StepPart {
    std::function<Graph()> build;
    const Program& program;
  };
  std::vector<StepPart> step_parts(const Prepared& p, const TokenizedPrompt& t, const Pass& pass) {
    const int64_t tokens = t.caption_tokens();
    const auto part = [&](auto& programs, Graph (*make)(const NextDitConfig&, int64_t, int64_t, int64_t)) {
      const auto build = [this, make, tokens, h = pass.h, w = pass.w] { return make(transformer.sizes, tokens, h, w); };
      return StepPart{build, cached(programs, {tokens, pass.h, pass.w}, dit, build)};
    };
    if (p.cache.mode == CacheMode::Off) return {part(step_programs, next_dit_step)};
    return {part(first_programs, next_dit_first), part(rest_programs, next_dit_rest),
            part(last_programs, next_dit_last)};
  }
  std::vector<const Program*> steps_of(const Prepared& p, const Pass& pass) {
    std::vector<const Program*> out;
    for (const TokenizedPrompt& t : p.prompts)
      for (const StepPart& part : step_parts(p, t, pass)) out.push_back(&part.program);
    return out;
  }
  const Program& decoder_program(int64_t h, int64_t w) {
    return cached(
        decoder_programs, {h, w, bands}, decoder, [&] { return decoder_graph(h, w); }, bands);
  }

  // Of every size of tile.
  std::vector<const Program*> decoder_programs_of(const Pass& pass) {
    std::vector<const Program*> out;
    for (const TileSpan& row : pass.rows)
      for (const TileSpan& column : pass.columns)
        if (const Program* program = &decoder_program(row.count, column.count);
            std::ranges::find(out, program) == out.end())
          out.push_back(program);
    return out;
  }
  size_t decoder_arena_bytes(const Pass& pass) {
    size_t out = 0;
    for (const Program* program : decoder_programs_of(pass)) out = std::max(out, program->memory().arena_bytes);
    return out;
  }

  const Program& encoder_program(const Pass& pass) {
    return cached(
        encoder_programs, {pass.h, pass.w, bands}, encoder, [&] { return encoder_graph(pass); }, bands);
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
  size_t decode_bytes(const Pass& pass) const {
    return tile_latent_bytes(pass) + picture_bytes(pass) + (pass.tiled() ? tile_bytes(pass) + strip_bytes(pass) : 0);
  }
  size_t tile_latent_bytes(const Pass& pass) const {
    return static_cast<size_t>(transformer.sizes.latent_channels * pass.rows.front().count *
                               pass.columns.front().count) *
           sizeof(float);
  }
  size_t tile_bytes(const Pass& pass) const {
    const int64_t scale = vae.sizes.downscale();
    return static_cast<size_t>(pass.rows.front().count * pass.columns.front().count * scale * scale * 3) *
           sizeof(float);
  }
  size_t strip_bytes(const Pass& pass) const {
    return TileBlender::strip_floats(pass.rows, pass.columns, vae.sizes.downscale()) * sizeof(float);
  }
  // Velocities, the vectors the sampler works in, and for a mask the noise and what the network is shown.
  // Elements of a prompt's stream of tokens, and what a step cache takes for all of them: the stream behind the first
  // and the last layer and the modulating vector of the pass that runs, and what is remembered.
  size_t stream_elements(const TokenizedPrompt& t, const Pass& pass) const {
    const int64_t patch = transformer.sizes.patch;
    return static_cast<size_t>((t.caption_tokens() + pass.h / patch * (pass.w / patch)) * transformer.sizes.dim);
  }
  size_t longest_stream(const Prepared& p, const Pass& pass) const {
    size_t out = 0;
    for (const TokenizedPrompt& t : p.prompts) out = std::max(out, stream_elements(t, pass));
    return out;
  }
  size_t cache_bytes(const Prepared& p, const Pass& pass) const {
    if (p.cache.mode == CacheMode::Off) return 0;
    size_t floats = 2 * longest_stream(p, pass) + static_cast<size_t>(transformer.sizes.conditioning);
    for (const TokenizedPrompt& t : p.prompts)
      floats += StepCache::memory_floats(p.cache.mode, stream_elements(t, pass));
    return floats * sizeof(float);
  }
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

void TextToImage::Impl::use_weight_cache(const std::filesystem::path& folder) {
  weight_cache.emplace(folder, log);
  const auto connect = [&](Network& network, const Part& part, std::string Fingerprints::*fingerprint) {
    network.use_cache(*weight_cache, part, [this, fingerprint] { return identities().*fingerprint; });
  };
  connect(dit, transformer, &Fingerprints::transformer);
  connect(gemma, text_encoder, &Fingerprints::text_encoder);
  connect(jina, clip_model, &Fingerprints::clip_model);
  connect(decoder, vae, &Fingerprints::vae);
  connect(encoder, vae, &Fingerprints::vae);
}

void TextToImage::Impl::name_damage(std::string_view where) {
  for (const Part* part : std::initializer_list<const Part*>{&text_encoder, &clip_model, &transformer, &vae})
    if (const std::vector<BadValues> bad = find_bad_values(part->files, runtime.pool); !bad.empty())
      fail_with_hint(ErrorKind::BadFile, "the file is damaged: fetch it again; `check_weights` lists all",
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
    if (!t.unknown_text.empty())
      log.warn("{} has no token for {} of the {}: it reads \"unknown\" there", reader, in_quotes(t.unknown_text),
               which);
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

const TextToImage::Fingerprints& TextToImage::Impl::identities() {
  if (fingerprints) return *fingerprints;
  std::optional<KeptHashes> kept;
  if (kept_hashes) kept.emplace(*kept_hashes);
  const auto of = [&](const Part& part) { return fingerprint(part.files.files, kept ? &*kept : nullptr); };
  return fingerprints.emplace(Fingerprints{of(transformer), of(text_encoder), of(clip_model), of(vae)});
}

TextCacheKey TextToImage::Impl::features_key(const TokenizedPrompt& t) {
  return {gemma.part(), with_config(identities().text_encoder, text_encoder), arithmetic(), t.gemma, t.gemma_weights};
}

TextCacheKey TextToImage::Impl::pooled_key(const TokenizedPrompt& t) {
  return {jina.part(), with_config(identities().clip_model, clip_model), arithmetic(), t.jina, {}};
}

TextToImage::Impl::Prepared TextToImage::Impl::prepare(const GenerateRequest& r) {
  check_request(r);
  Prepared p;
  const int64_t downscale = vae.sizes.downscale();
  const int64_t step = downscale * transformer.sizes.patch;
  const auto add_pass = [&](PictureSize size, NoiseLevels noise) {
    const int64_t h = size.height / downscale, w = size.width / downscale, tile = r.vae_tile / downscale;
    p.passes.push_back({size, h, w, std::move(noise), tile_spans(h, tile), tile_spans(w, tile)});
  };
  add_pass(picture_size(r, vae.sizes.sample_size, step), noise_levels(r));
  if (r.hires_scale != 0) add_pass(hires_size(r, p.first().size, step), hires_noise_levels(r));
  p.sampler = &find_sampler(r.sampler);
  p.cache = r.cache;
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

  if (text_cache)
    for (TokenizedPrompt& t : p.prompts) {
      t.cached_features = text_cache->find(features_key(t), features_bytes(t) / sizeof(float));
      t.cached_pooled = text_cache->find(pooled_key(t), pooled_bytes() / sizeof(float));
    }

  const std::array<Network*, 5> networks{&gemma, &jina, &dit, &decoder, &encoder};
  for (Network* network : networks) network->renew_cache();

  const size_t budget = budget_bytes != 0 ? budget_bytes : available_memory_bytes() + resident_bytes();
  constexpr size_t kProcessesDiffer = size_t{1} << 19;  // resident pages of two that do the same
  const auto refuse = [&](const char* needs, size_t bytes) {
    fail_with_hint(ErrorKind::OverBudget, "ask for a smaller picture, or give `memory` at least that much",
                   "this request needs {}{:.0f} MiB, the budget is {:.0f} MiB", needs,
                   std::ceil(static_cast<double>(bytes + kProcessesDiffer) / (1 << 20)),
                   std::floor(static_cast<double>(budget) / (1 << 20)));
  };
  // The residual stream and one branch of it are alive together, whatever else is: no need to build graphs of millions
  // of tokens to see that these two do not fit.
  constexpr size_t kCheap = size_t{1} << 30;  // graphs of less are made in a moment, and tell the smallest budget
  const int64_t patch = transformer.sizes.patch;
  const size_t tokens = checked_mul(static_cast<size_t>(p.last().h / patch), static_cast<size_t>(p.last().w / patch));
  const size_t least = checked_mul(tokens, static_cast<size_t>(transformer.sizes.dim) * 2 * sizeof(float));
  if (least > std::max(budget, kCheap)) refuse("more than ", least);
  p.init = init_picture(r, p.first().size);
  if (r.preview_every > 0) {
    if (r.preview_method == PreviewMethod::Linear) p.preview_factors = read_preview_factors(vae);
    p.decodes_previews = !p.preview_factors;
    if (p.decodes_previews && r.preview_method == PreviewMethod::Linear)
      log.warn("no {}: previews are decoded, which takes longer; newbie dev fit-preview makes one",
               preview_factors_path(vae.path).string());
  }

  fit(p, r, budget);
  if (weight_cache && p.plan.peak_bytes() > budget) {
    // Mapped pages come in larger pieces than the smallest weights that stream.
    for (Network* network : networks) network->close_cache();
    p.variant = {};
    fit(p, r, budget);
  }
  if (p.plan.peak_bytes() > budget) refuse("", p.plan.peak_bytes());
  p.plan.budget_bytes = budget;
  return p;
}

void TextToImage::Impl::fit(Prepared& p, const GenerateRequest& r, size_t budget) {
  // Weights that stream would go on doing so where all of them may fit now.
  p.variant.fresh = !dit.streamed().empty() || !decoder.streamed().empty();
  p.plan = make_plan(p, r, p.variant);
  if (p.plan.peak_bytes() <= budget) return;
  // Bands only where nothing else is enough: to stream the autoencoder costs less time, and programs that work in bands
  // are memory of the process, too, once they were built.
  std::pair<Variant, MemoryPlan> least = smallest(p, r, Bands::None);
  const bool may_band = can_band() && least.second.peak_bytes() > budget;
  std::vector<MemoryChoice> choices;
  while (true) {
    const StagePlan& worst = p.plan.largest_stage();
    std::string what = relieve(p.variant, p, r, worst, p.plan.peak_bytes() - budget, may_band);
    if (what.empty()) {
      // Other stages than this one may still be larger than they have to be.
      if (may_band) {
        auto once = smallest(p, r, Bands::Once), again = smallest(p, r, Bands::Again);
        once.second = make_plan(p, r, once.first);  // beside the programs of both ways
        for (auto& other : {std::ref(once), std::ref(again)})
          if (other.get().second.peak_bytes() < least.second.peak_bytes()) least = std::move(other.get());
      }
      std::tie(p.variant, p.plan) = std::move(least);
      choices = {{"everything streamed or freed that can be", "no way that keeps more was found within the budget"}};
      break;
    }
    if (std::ranges::find(choices, what, &MemoryChoice::what) == choices.end())  // otherwise more of the same
      choices.push_back({std::move(what), fmt::format("{} would take {:.0f} MiB of {:.0f} MiB", worst.name,
                                                      std::ceil(static_cast<double>(p.plan.peak_bytes()) / (1 << 20)),
                                                      std::floor(static_cast<double>(budget) / (1 << 20)))});
    p.plan = make_plan(p, r, p.variant);
    if (p.plan.peak_bytes() <= budget) break;
  }
  p.plan.choices = std::move(choices);
}

std::string TextToImage::Impl::relieve(Variant& v, const Prepared& p, const GenerateRequest& r, const StagePlan& stage,
                                       size_t over, bool may_band) {
  if (!v.fresh && dit.kept().all() + decoder.kept().all() != 0) {
    v.fresh = true;
    return "weights of an earlier picture freed first";
  }
  const bool text = stage.name == "gemma" || stage.name == "jina";
  const bool walks = stage.name == "context" || stage.name == "denoise" || stage.name == "hires";
  // Freeing the transformer before the decoder is there helps where both are.
  const bool both = !walks || r.batch > 1 || p.passes.size() > 1;
  if (!text && v.residency == Residency::FreeEncoders && both && stage.name != "picture") {
    v.residency = Residency::FreeEachStage;
    return "each part freed after use";
  }
  // The autoencoder: where it is alone, and where it is what makes a walk with previews large.
  const bool decodes = !text && (!walks || (p.decodes_previews && decoder_arena_bytes(p.last()) == stage.arena_bytes));
  if (decodes && may_band && v.bands != Bands::Again) {
    v.bands = v.bands == Bands::None ? Bands::Once : Bands::Again;
    return v.bands == Bands::Once ? "the autoencoder works in bands of rows"
                                  : "the autoencoder works in bands and computes enlarged pictures anew";
  }
  const Programs programs = programs_of(p);
  const auto stream = [&](const Network& network, std::span<const Program* const> all,
                          std::span<const Program* const> running, StreamedWeights& streamed, const char* name) {
    const size_t now = network.plan(all, streamed).kept.all() + network.window(running, streamed).bytes;
    StreamedWeights more = network.choose_streamed(all, running, now - std::min(now, over));
    more.insert(streamed.begin(), streamed.end());
    if (more.size() == streamed.size()) return std::string();
    streamed = std::move(more);
    return fmt::format("{} streamed", name);
  };
  if (stage.name == "gemma") return stream(gemma, programs.gemma, programs.gemma, v.gemma, "Gemma");
  if (stage.name == "jina") return stream(jina, programs.jina, programs.jina, v.jina, "Jina CLIP");
  if (stage.name == "context") return stream(dit, programs.dit, programs.context, v.dit, "the transformer");
  if (walks) return stream(dit, programs.dit, programs.dit, v.dit, "the transformer");
  if (stage.name == "decode" || stage.name == "enlarge")
    return stream(decoder, programs.decoder, programs.decoder, v.vae, "the autoencoder");
  return stream(encoder, programs.encoder, programs.encoder, v.vae, "the autoencoder");
}

std::pair<TextToImage::Impl::Variant, MemoryPlan> TextToImage::Impl::smallest(const Prepared& p,
                                                                              const GenerateRequest& r, Bands with) {
  bands = with;
  const Programs all = programs_of(p);
  const auto every = [](const Network& network, std::span<const Program* const> programs) {
    return network.choose_streamed(programs, programs, 0);
  };
  Variant v{.residency = Residency::FreeEachStage,
            .fresh = true,
            .bands = with,
            .gemma = every(gemma, all.gemma),
            .jina = every(jina, all.jina),
            .dit = every(dit, all.dit),
            .vae = every(decoder, all.decoder)};
  v.vae.merge(every(encoder, all.encoder));
  MemoryPlan plan = make_plan(p, r, v);
  return {std::move(v), std::move(plan)};
}

void TextToImage::Impl::apply(const Variant& v) {
  bands = v.bands;
  if (v.fresh) {
    dit.free();
    decoder.free();
  }
  gemma.stream(v.gemma);
  jina.stream(v.jina);
  dit.stream(v.dit);
  decoder.stream(v.vae);
  encoder.stream(v.vae);
}

TextToImage::Impl::Programs TextToImage::Impl::programs_of(const Prepared& p) {
  Programs out;
  for (const TokenizedPrompt& t : p.prompts) {
    if (!t.cached_features) out.gemma.push_back(&gemma_program(t.caption_tokens()));
    if (t.hides()) out.gemma.push_back(&gemma_hidden_program(t.caption_tokens()));
    if (!t.cached_pooled) out.jina.push_back(&jina_program(static_cast<int64_t>(t.jina.size())));
    out.context.push_back(&context_program(t.caption_tokens()));
  }
  out.dit = out.context;
  for (const Pass& pass : p.passes) {
    const std::vector<const Program*> steps = steps_of(p, pass);
    out.dit.insert(out.dit.end(), steps.begin(), steps.end());
    const std::vector<const Program*> decoders = decoder_programs_of(pass);
    out.decoder.insert(out.decoder.end(), decoders.begin(), decoders.end());
  }
  if (p.init) out.encoder.push_back(&encoder_program(p.first()));
  if (p.passes.size() > 1) out.encoder.push_back(&encoder_program(p.last()));
  return out;
}

MemoryPlan TextToImage::Impl::make_plan(const Prepared& p, const GenerateRequest& r, const Variant& v) {
  bands = v.bands;
  const auto largest = [](std::span<const Program* const> programs, size_t MemoryReport::*field) {
    size_t out = 0;
    for (const Program* program : programs) out = std::max(out, program->memory().*field);
    return out;
  };
  size_t features = 0, pooled = 0, context = 0, mapped = 0;
  for (const TokenizedPrompt& t : p.prompts) {
    if (!t.cached_features) mapped += gemma.mapped_bytes(gemma_program(t.caption_tokens()), t.caption_tokens());
    features += features_bytes(t);
    pooled += pooled_bytes();
    context += context_bytes(t);
  }
  const Programs programs = programs_of(p);
  const WeightBank::Plan gemma_weights = gemma.plan(programs.gemma, v.gemma),
                         jina_weights = jina.plan(programs.jina, v.jina), dit_weights = dit.plan(programs.dit, v.dit),
                         vae_weights = decoder.plan(programs.decoder, v.vae);
  const auto batch = static_cast<size_t>(r.batch);
  const bool apart = v.residency == Residency::FreeEachStage;

  // The run, replayed: weights and buffers that are there between stages. The transformer and the decoder of an earlier
  // request may still be.
  using Kept = WeightBank::Kept;
  Kept dit_now = v.fresh ? Kept{} : dit.kept(), decoder_now = v.fresh ? Kept{} : decoder.kept();
  size_t buffers = 0;
  MemoryPlan plan{.residency = v.residency};
  // While weights are loaded beside `there` bytes: what is allocated, and the pages of files on top of that.
  struct Loading {
    size_t peak_bytes = 0, file_bytes = 0;
    void join(const Loading& other) {
      const size_t resident = std::max(peak_bytes + file_bytes, other.peak_bytes + other.file_bytes);
      peak_bytes = std::max(peak_bytes, other.peak_bytes);
      file_bytes = resident - peak_bytes;
    }
  };
  const auto loading = [](size_t there, const WeightBank::Plan& weights) {
    if (weights.peak_bytes == 0) return Loading{};
    return Loading{there + weights.peak_bytes, weights.resident_peak_bytes - weights.peak_bytes};
  };
  const auto stage = [&](const char* name, std::span<const Program* const> of_stage, const Network::Window& window,
                         const Kept& own_weights, size_t own_buffers, const Loading& load) {
    const Kept kept = dit_now + decoder_now + own_weights;
    plan.stages.push_back({.name = name,
                           .weights_bytes = kept.bytes,
                           .page_bytes = kept.page_bytes,
                           .window_bytes = window.bytes,
                           .arena_bytes = largest(of_stage, &MemoryReport::arena_bytes),
                           .scratch_bytes = largest(of_stage, &MemoryReport::scratch_bytes),
                           .buffer_bytes = buffers + own_buffers,
                           .loading_peak_bytes = load.peak_bytes,
                           .running_file_bytes = window.mapped_bytes,
                           .loading_file_bytes = load.file_bytes});
  };
  const auto encode_stage = [&](const char* name, const Pass& pass) {
    const std::vector<const Program*> encoders{&encoder_program(pass)};
    const WeightBank::Plan weights = encoder.plan(encoders, v.vae);
    stage(name, encoders, encoder.window(encoders, v.vae), weights.kept, picture_bytes(pass) + 2 * latent_bytes(pass),
          loading(dit_now.bytes + decoder_now.bytes + buffers, weights));
  };
  const auto load_decoder = [&] {
    const Loading out = decoder_now.all() != 0 ? Loading{} : loading(dit_now.bytes + buffers, vae_weights);
    decoder_now = vae_weights.kept;
    return out;
  };
  const auto decode_stage = [&](const char* name, const Pass& pass, const Kept& own_weights, const Loading& load) {
    const std::vector<const Program*> decoders = decoder_programs_of(pass);
    stage(name, decoders, decoder.window(decoders, v.vae), own_weights, decode_bytes(pass), load);
  };

  // A walk, with the decoder beside it when previews are decoded: both use the same arena in turn.
  const auto walk_stage = [&](const char* name, const Pass& pass, const Kept& beside, Loading load) {
    std::vector<const Program*> walking = steps_of(p, pass);
    Network::Window window = dit.window(walking, v.dit);
    if (p.decodes_previews) {
      const std::vector<const Program*> decoders = decoder_programs_of(pass);
      walking.insert(walking.end(), decoders.begin(), decoders.end());
      load.join(load_decoder());
      const Network::Window preview = decoder.window(decoders, v.vae);
      window.bytes = std::max(window.bytes, preview.bytes);
      window.mapped_bytes = std::max(window.mapped_bytes, preview.mapped_bytes);
    }
    stage(name, walking, window, beside,
          walk_bytes(p, pass) + cache_bytes(p, pass) + (p.decodes_previews ? decode_bytes(pass) : 0), load);
  };

  const size_t held = p.init ? latent_bytes(p.first()) + (p.masked() ? mask_bytes(p.first()) : 0) : 0;
  buffers += held;
  if (p.init) encode_stage("picture", p.first());
  stage("gemma", programs.gemma, gemma.window(programs.gemma, v.gemma), gemma_weights.kept, features + hidden_bytes(p),
        loading(dit_now.bytes + decoder_now.bytes + buffers, gemma_weights));
  buffers += features;
  stage("jina", programs.jina, jina.window(programs.jina, v.jina), jina_weights.kept, pooled,
        loading(dit_now.bytes + decoder_now.bytes + buffers, jina_weights));
  buffers += pooled;
  const Loading loading_dit = dit_now.all() != 0 ? Loading{} : loading(decoder_now.bytes + buffers, dit_weights);
  dit_now = dit_weights.kept;
  stage("context", programs.context, dit.window(programs.context, v.dit), {}, context, loading_dit);
  const size_t text = pooled + context;
  buffers += context - features + batch * latent_bytes(p.first());
  if (p.passes.size() > 1) {
    walk_stage("denoise", p.first(), {}, {});
    buffers -= held;
    if (apart) dit_now = {};
    buffers += batch * latent_bytes(p.last());  // enlarged and encoded
    const Loading loading_decoder = load_decoder();
    const std::vector<const Program*> encoders{&encoder_program(p.last())};
    decode_stage("enlarge", p.first(), encoder.plan(encoders, v.vae).kept, loading_decoder);
    encode_stage("encode", p.last());
    buffers += batch * (latent_bytes(p.last()) - latent_bytes(p.first()));  // the latents of the second pass
    if (apart && !p.decodes_previews) decoder_now = {};
  }
  const std::vector<const Program*> last_steps = steps_of(p, p.last());
  Loading loading_again;
  if (dit_now.all() == 0) {
    const WeightBank::Plan weights = dit.plan(last_steps, v.dit);
    loading_again = loading(decoder_now.bytes + buffers, weights);
    dit_now = weights.kept;
  }
  // From the second picture of a batch on, the decoder is there while the next one is drawn.
  const bool decoder_beside = !apart && batch > 1 && decoder_now.all() == 0 && !p.decodes_previews;
  walk_stage(p.passes.size() > 1 ? "hires" : "denoise", p.last(), decoder_beside ? vae_weights.kept : Kept{},
             loading_again);
  if (apart) {
    dit_now = {};
    buffers -= text;
  }
  const Loading loading_decoder = load_decoder();
  decode_stage("decode", p.last(), {}, loading_decoder);
  plan.mapped_bytes = mapped;
  const auto streamed = [&](const Network& network, std::span<const Program* const> all, const StreamedWeights& names,
                            int64_t runs) {
    if (names.empty()) return;
    const size_t read_bytes = network.window(all, names).read_bytes;
    if (read_bytes == 0) return;  // weights of these names are used where they lie
    plan.streamed.push_back({.part = network.part(),
                             .weights_bytes = network.plan(all).kept.all(),
                             .resident_bytes = network.plan(all, names).kept.all(),
                             .read_bytes = read_bytes,
                             .runs = runs});
  };
  const auto prompts = static_cast<int64_t>(p.prompts.size());
  int64_t evaluations = 0;
  for (const Pass& pass : p.passes)
    evaluations += p.sampler->evaluations(static_cast<int>(pass.noise.sigmas.size()) - 1) * prompts * r.batch;
  streamed(gemma, programs.gemma, v.gemma, static_cast<int64_t>(programs.gemma.size()));
  streamed(jina, programs.jina, v.jina, prompts);
  streamed(dit, programs.dit, v.dit, evaluations);
  streamed(decoder, programs.decoder, v.vae, static_cast<int64_t>(p.passes.size()) * r.batch);
  // Building the programs leaves megabytes of freed heap behind, which the run will use again.
  release_free_heap();
  const size_t resident = resident_bytes();
  // What running adds to that: primitives that pack weights, compressors, pages of libraries (docs/memory.md).
  constexpr size_t kRunBytes = size_t{3} << 20;
  const size_t own = resident - std::min(resident, runtime.allocator.in_use_bytes());
  plan.process_bytes = first_run_process_bytes ? std::max(own, *first_run_process_bytes) : own + kRunBytes;
  return plan;
}

void TextToImage::Impl::encode(const Prepared& p, std::vector<Conditioning>& conditioning, Guard& guard,
                               RunObserver& observer, StopToken stop, std::vector<StageTime>& times) {
  const auto planned = [&](const char* name) -> const StagePlan& {
    for (const StagePlan& s : p.plan.stages)
      if (s.name == name) return s;
    fail(ErrorKind::Internal, "no stage {} in the plan", name);
  };
  conditioning.resize(p.prompts.size());
  const Programs programs = programs_of(p);
  const auto timed = [&](const char* name, auto&& work) {
    observer.on_stage({.stage = find_stage(name).value()});
    const auto start = Clock::now();
    work(planned(name));
    times.push_back({name, seconds_since(start)});
  };

  timed("gemma", [&](const StagePlan& stage) {
    for (const Program* program : programs.gemma) gemma.load(*program, stop);
    gemma.keep_prepared(programs.gemma, stop);
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "gemma arena");
    const Buffer hidden = runtime.allocator.allocate(hidden_bytes(p), "features with hidden tokens");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const std::vector<int32_t>& ids = p.prompts[i].gemma;
      const auto tokens = static_cast<int64_t>(ids.size());
      Buffer& out = conditioning[i].features =
          runtime.allocator.allocate(features_bytes(p.prompts[i]), "text features");
      if (const auto& known = p.prompts[i].cached_features) {
        std::copy(known->begin(), known->end(), out.as<float>());
        continue;
      }
      Bindings b;
      b.inputs["ids"] = {{Shape{tokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
      b.outputs["features"] = {f32({tokens, text_encoder.sizes.width}), out.data()};
      guard.run({gemma, [&] { return gemma_graph(tokens); }, gemma_program(tokens), arena, b, "gemma"}, stop);
      if (!p.prompts[i].gemma_weights.empty()) {
        weigh(p.prompts[i], arena, hidden, {out.as<float>(), out.size() / sizeof(float)}, stop);
        guard.check_finite(floats(out), "the weighted text");
      }
      if (text_cache && guard.events().empty()) text_cache->keep(features_key(p.prompts[i]), floats(out));
    }
    guard.end_stage(gemma);
    gemma.free();
  });

  timed("jina", [&](const StagePlan& stage) {
    for (const Program* program : programs.jina) jina.load(*program, stop);
    jina.keep_prepared(programs.jina, stop);
    const Buffer arena = runtime.allocator.allocate(stage.arena_bytes, "jina arena");
    for (size_t i = 0; i < p.prompts.size(); ++i) {
      const std::vector<int32_t>& ids = p.prompts[i].jina;
      const auto tokens = static_cast<int64_t>(ids.size());
      Buffer& out = conditioning[i].pooled = runtime.allocator.allocate(pooled_bytes(), "pooled text");
      if (const auto& known = p.prompts[i].cached_pooled) {
        std::copy(known->begin(), known->end(), out.as<float>());
        continue;
      }
      Bindings b;
      b.inputs["ids"] = {{Shape{tokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
      b.outputs["pooled"] = {f32({1, clip_model.sizes.width}), out.data()};
      guard.run({jina, [&] { return jina_graph(tokens); }, jina_program(tokens), arena, b, "jina"}, stop);
      if (text_cache && guard.events().empty()) text_cache->keep(pooled_key(p.prompts[i]), floats(out));
    }
    guard.end_stage(jina);
    jina.free();
  });

  timed("context", [&](const StagePlan& stage) {
    for (const TokenizedPrompt& t : p.prompts) dit.load(context_program(t.caption_tokens()), stop);
    for (const Pass& pass : p.passes)
      for (const Program* step : steps_of(p, pass)) dit.load(*step, stop);
    dit.keep_prepared(programs.dit, stop);
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
                                RunObserver& observer, StopToken stop, Counts& counts) {
  const Pass& pass = walk.pass;
  const size_t n = latent.size();
  const Shape latent_shape{transformer.sizes.latent_channels, pass.h, pass.w};
  size_t arena_bytes = 0;
  for (const Program* step : steps_of(p, pass)) arena_bytes = std::max(arena_bytes, step->memory().arena_bytes);
  if (p.decodes_previews) arena_bytes = std::max(arena_bytes, decoder_arena_bytes(pass));
  const Buffer arena = runtime.allocator.allocate(arena_bytes, "denoiser arena");
  const Buffer vectors = runtime.allocator.allocate(walk_bytes(p, pass), "sampler state");
  const Buffer cache_memory = runtime.allocator.allocate(cache_bytes(p, pass), "step cache");
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

  // With a step cache: the streams of the pass that runs, then what is remembered of each prompt.
  std::span<float> cached(cache_memory.as<float>(), cache_memory.size() / sizeof(float));
  const auto take_cached = [&](size_t count) {
    const std::span<float> out = cached.first(count);
    cached = cached.subspan(count);
    return out;
  };
  std::span<float> first_stream, last_stream, activated;
  std::vector<StepCache> caches;
  if (p.cache.mode != CacheMode::Off) {
    first_stream = take_cached(longest_stream(p, pass));
    last_stream = take_cached(longest_stream(p, pass));
    activated = take_cached(static_cast<size_t>(transformer.sizes.conditioning));
    for (const TokenizedPrompt& t : p.prompts) {
      const size_t elements = stream_elements(t, pass);
      caches.emplace_back(p.cache, elements, take_cached(StepCache::memory_floats(p.cache.mode, elements)));
    }
  }

  const auto velocity = [&](size_t prompt, std::span<const float> x, float t, std::span<float> out) {
    const TokenizedPrompt& tokenized = p.prompts[prompt];
    const int64_t tokens = tokenized.caption_tokens();
    const std::vector<StepPart> parts = step_parts(p, tokenized, pass);
    const auto run = [&](const StepPart& part, const Bindings& b) {
      guard.run({dit, part.build, part.program, arena, b, walk.stage}, stop);
    };
    Bindings entry;
    entry.inputs["latent"] = {f32(latent_shape), reinterpret_cast<const std::byte*>(x.data())};
    entry.inputs["time"] = {f32({1}), reinterpret_cast<const std::byte*>(&t)};
    entry.inputs["context"] = {f32({tokens, transformer.sizes.dim}), conditioning[prompt].context.data()};
    entry.inputs["pooled"] = {f32({transformer.sizes.pooled_width}), conditioning[prompt].pooled.data()};
    const TensorView velocity_out{f32(latent_shape), reinterpret_cast<std::byte*>(out.data())};
    ++counts.evaluations;
    if (caches.empty()) {
      entry.outputs["velocity"] = velocity_out;
      return run(parts.front(), entry);
    }
    const size_t elements = stream_elements(tokenized, pass);
    const TensorSpec stream = f32({static_cast<int64_t>(elements) / transformer.sizes.dim, transformer.sizes.dim});
    const TensorView behind_first{stream, reinterpret_cast<std::byte*>(first_stream.data())};
    const TensorView behind_last{stream, reinterpret_cast<std::byte*>(last_stream.data())};
    const TensorView modulation{f32({1, transformer.sizes.conditioning}),
                                reinterpret_cast<std::byte*>(activated.data())};
    entry.outputs["stream"] = behind_first;
    entry.outputs["activated"] = modulation;
    run(parts[0], entry);
    StepCache& cache = caches[prompt];
    const double time = static_cast<double>(t);
    const bool whole = !cache.stands_in(time, first_stream.first(elements));
    if (whole) {
      run(parts[1],
          {.inputs = {{"stream", behind_first}, {"activated", modulation}}, .outputs = {{"stream", behind_last}}});
      cache.remember(time, first_stream.first(elements), last_stream.first(elements));
    } else {
      ++counts.shortened;
    }
    run(parts[2], {.inputs = {{"stream", whole ? behind_last : behind_first}, {"activated", modulation}},
                   .outputs = {{"velocity", velocity_out}}});
  };

  const int total = static_cast<int>(p.sampler->evaluations(static_cast<int>(pass.noise.sigmas.size()) - 1));
  int done = 0;
  const auto place = [&](int evaluation) {
    const StageKind stage = find_stage(walk.stage).value();
    return RunPlace{stage, stage == StageKind::Hires ? 1 : 0, walk.picture, r.batch, evaluation, total};
  };
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
    ++done;
    observer.on_step(place(done), seconds_since(start));
  };
  run.on_step = [&](const SampleStep& s) {
    guard.check_finite(s.latent, "the latent");
    if (tap) tap(walk.picture, s.index, s.latent);
    observer.on_latent(place(done), s.index, s.latent);
    if (r.preview_every == 0 || (s.index + 1) % r.preview_every != 0 || s.index + 1 == s.intervals) return;
    const Image image = p.decodes_previews
                            ? decode(pass, s.denoised, arena, "preview", nullptr, stop)
                            : linear_preview(*p.preview_factors, s.denoised, pass.h, pass.w, vae.sizes.downscale());
    observer.on_preview(place(done), {s.index + 1, s.intervals, image});
  };
  sample(*p.sampler, run, latent, rest);
  guard.at(walk.picture, 0);
  guard.end_stage(dit);
  if (masked) restore_held(held, latent);
}

Image TextToImage::Impl::decode(const Pass& pass, std::span<const float> latent, const char* stage, Guard& guard,
                                StopToken stop) {
  const Buffer arena = runtime.allocator.allocate(decoder_arena_bytes(pass), "decoder arena");
  return decode(pass, latent, arena, stage, &guard, stop);
}

Image TextToImage::Impl::decode(const Pass& pass, std::span<const float> latent, const Buffer& arena, const char* stage,
                                Guard* guard, StopToken stop) {
  const int64_t scale = vae.sizes.downscale(), channels = vae.sizes.latent_channels;
  const Buffer raw = runtime.allocator.allocate(tile_latent_bytes(pass), "raw latent");
  const Buffer picture = runtime.allocator.allocate(picture_bytes(pass), "decoded picture");
  const Buffer tile = runtime.allocator.allocate(pass.tiled() ? tile_bytes(pass) : 0, "decoded tile");
  const Buffer strips = runtime.allocator.allocate(pass.tiled() ? strip_bytes(pass) : 0, "borders of tiles");

  // Takes a tile's part of the latent out and hands over how to decode it.
  const auto with_tile = [&](const TileSpan& row, const TileSpan& column, const auto& run) {
    float* to = raw.as<float>();
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t y = row.first; y < row.first + row.count; ++y)
        for (int64_t x = column.first; x < column.first + column.count; ++x)
          *to++ = latent[static_cast<size_t>((c * pass.h + y) * pass.w + x)] /
                      static_cast<float>(vae.sizes.scaling_factor) +
                  static_cast<float>(vae.sizes.shift_factor);
    Bindings b;
    b.inputs["latent"] = {f32({channels, row.count, column.count}), raw.data()};
    b.outputs["picture"] = {f32({row.count * scale, column.count * scale, 3}), (pass.tiled() ? tile : picture).data()};
    run(Guard::Work{decoder, [&] { return decoder_graph(row.count, column.count); },
                    decoder_program(row.count, column.count), arena, b, stage});
  };
  const auto decode_all = [&] {
    TileBlender blender(pass.rows, pass.columns, scale, {picture.as<float>(), picture.size() / sizeof(float)},
                        {strips.as<float>(), strips.size() / sizeof(float)});
    for (size_t i = 0; i < pass.rows.size(); ++i)
      for (size_t j = 0; j < pass.columns.size(); ++j)
        with_tile(pass.rows[i], pass.columns[j], [&](const Guard::Work& work) {
          if (guard != nullptr)
            guard->run(work, stop);
          else
            decoder.run(work.program, arena, work.bindings, stop);
          if (pass.tiled()) blender.add(i, j, {tile.as<float>(), tile.size() / sizeof(float)});
        });
    return from_signed_floats(floats(picture), static_cast<int>(pass.size.width), static_cast<int>(pass.size.height));
  };
  Image out = decode_all();
  if (guard == nullptr) return out;
  with_tile(pass.rows.front(), pass.columns.front(),
            [&](const Guard::Work& work) { guard->check_picture(out, work, decode_all); });
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

// A request with what was found out about it.
struct Job::Impl {
  TextToImage::Impl& engine;
  GenerateRequest request;
  TextToImage::Impl::Prepared prepared{};
  double prepare_seconds = 0;
  uint64_t made_after_run = 0;  // what runs left in the engine is part of the plan

  void prepare() {
    const auto start = Clock::now();
    prepared = engine.prepare(request);
    made_after_run = engine.runs_begun;
    prepare_seconds = seconds_since(start);
  }
};

Job::Job(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Job::~Job() = default;
Job::Job(Job&&) noexcept = default;
Job& Job::operator=(Job&&) noexcept = default;
const GenerateRequest& Job::request() const { return impl_->request; }
PictureSize Job::size() const { return impl_->prepared.last().size; }
const MemoryPlan& Job::plan() const { return impl_->prepared.plan; }

Job TextToImage::prepare(const GenerateRequest& request) try {
  std::unique_ptr<Job::Impl> job(new Job::Impl{*impl_, impl_->with_model_defaults(request)});
  job->prepare();
  return Job(std::move(job));
} catch (...) {
  rethrow_as_error();
}

MemoryPlan TextToImage::plan(const GenerateRequest& request) { return prepare(request).plan(); }
MemoryPlan TextToImage::plan_with_times(const GenerateRequest& request) { return prepare(request).plan_with_times(); }

MemoryPlan Job::plan_with_times() const try {
  TextToImage::Impl& m = impl_->engine;
  const TextToImage::Impl::Prepared& p = impl_->prepared;
  MemoryPlan plan = p.plan;
  const TextToImage::Impl::Programs programs = m.programs_of(p);
  for (StreamedPart& s : plan.streamed) {
    const auto measure = [&](const Network& network, std::span<const Program* const> all,
                             const StreamedWeights& names) {
      if (network.part() != s.part) return;
      for (const Program* program : all)
        if (const double each = network.seconds_per_streamed_byte(*program, names); each != 0)
          s.seconds = each * static_cast<double>(s.read_bytes);
    };
    measure(m.gemma, programs.gemma, p.variant.gemma);
    measure(m.jina, programs.jina, p.variant.jina);
    measure(m.dit, programs.dit, p.variant.dit);
    measure(m.decoder, programs.decoder, p.variant.vae);
  }
  return plan;
} catch (...) {
  rethrow_as_error();
}

GenerateResult Job::run(RunObserver& observer, StopToken stop,
                        const std::function<void(GeneratedImage)>& on_image) try {
  using Engine = TextToImage::Impl;
  Engine& m = impl_->engine;
  const GenerateRequest& r = impl_->request;
  GenerateResult result;
  Engine::FreeOnFailure failure(m, stop);
  observer.on_stage({.stage = StageKind::Plan});
  if (impl_->made_after_run != m.runs_begun) impl_->prepare();
  ++m.runs_begun;
  const auto start = Clock::now();
  const Engine::Prepared& p = impl_->prepared;
  result.times.push_back({"plan", impl_->prepare_seconds});
  if (!m.first_run_process_bytes) m.first_run_process_bytes = p.plan.process_bytes;
  Guard guard(m.guard_mode, m.runtime, m.log, p.plan, [&](std::string_view where) { m.name_damage(where); });
  m.apply(p.variant);
  m.runtime.allocator.reset_peak();
  const bool apart = p.plan.residency == Residency::FreeEachStage;
  const auto timed = [&](const char* stage, double& seconds, auto&& work) {
    observer.on_stage({.stage = find_stage(stage).value(), .pictures = r.batch});
    const auto begin = Clock::now();
    work();
    seconds += seconds_since(begin);
  };
  Engine::Counts counts;
  double picture_seconds = 0, denoise_seconds = 0, enlarge_seconds = 0, decode_seconds = 0, save_seconds = 0;

  // What the first pass is held to: the picture's latent, and the mask behind it.
  const size_t n = m.latent_elements(p.first());
  Buffer held;
  if (p.init) {
    held = m.runtime.allocator.allocate(n * sizeof(float) + (p.masked() ? m.mask_bytes(p.first()) : 0), "picture");
    timed("picture", picture_seconds, [&] {
      m.load_encoder(p.first(), stop);
      m.encode_picture(p.first(), p.init->picture, {held.as<float>(), n}, "picture", guard, stop);
      m.encoder.free();
      if (p.masked())
        latent_mask(*p.init->mask, m.vae.sizes.downscale(), {held.as<float>() + n, held.size() / sizeof(float) - n});
    });
    result.times.push_back({"picture", picture_seconds});
  }
  std::vector<Conditioning> conditioning;
  m.encode(p, conditioning, guard, observer, stop, result.times);
  failure.denoiser_is_whole(p.plan.residency == Residency::FreeEncoders);

  // Latents of a pass, one after the other, filled with noise.
  const auto batch = static_cast<size_t>(r.batch);
  const auto noise_for = [&](const Engine::Pass& pass) {
    const size_t count = m.latent_elements(pass);
    Buffer out = m.runtime.allocator.allocate(count * sizeof(float) * batch, "latents");
    if (r.batch_noise == BatchNoise::Slices) {
      TorchGenerator(r.seed).normal({out.as<float>(), count * batch});
    } else {
      for (size_t k = 0; k < batch; ++k) TorchGenerator(r.seed + k).normal({out.as<float>() + k * count, count});
    }
    return out;
  };
  const auto latent_of = [&](const Buffer& all, const Engine::Pass& pass, int k) {
    const size_t count = m.latent_elements(pass);
    return std::span<float>(all.as<float>() + static_cast<size_t>(k) * count, count);
  };
  Buffer latents = noise_for(p.first());
  if (p.decodes_previews) m.load_decoder(p, stop);
  const auto draw_first = [&](int k) {
    timed("denoise", denoise_seconds, [&] {
      Engine::Walk walk{p.first(), k, "denoise", {}, {}};
      if (p.init) walk.held_latent = {held.as<float>(), n};
      if (p.masked()) walk.held_mask = {held.as<float>() + n, held.size() / sizeof(float) - n};
      m.denoise(p, r, walk, conditioning, latent_of(latents, p.first(), k), guard, observer, stop, counts);
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
      m.load_encoder(p.last(), stop);
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
      for (const Program* step : m.steps_of(p, p.last())) m.dit.load(*step, stop);
  }
  const auto draw = [&](int k) {
    if (!hires) return draw_first(k);
    timed("hires", denoise_seconds, [&] {
      m.denoise(p, r, {p.last(), k, "hires", latent_of(enlarged, p.last(), k), {}}, conditioning,
                latent_of(latents, p.last(), k), guard, observer, stop, counts);
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
    const auto decoded = Clock::now();
    const PictureFacts facts{
        p.first().size, p.last().size,  seed,          k, p.system_prompt, p.first().noise.schedule,
        m.resolution,   guard.events(), m.identities()};
    out.parameters = a1111_parameters(r, facts);
    out.request_json = request_json(r, facts);
    on_image(std::move(out));
    save_seconds += seconds_since(decoded);
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
  result.times.push_back({"save", save_seconds});
  result.times.push_back({"total", impl_->prepare_seconds + seconds_since(start)});
  result.evaluations = counts.evaluations;
  result.shortened_evaluations = counts.shortened;
  result.allocated_peak_bytes = m.runtime.allocator.peak_bytes();
  result.plan = p.plan;
  result.plan.stages.insert(result.plan.stages.end(), guard.retries().begin(), guard.retries().end());
  result.guard_events = guard.events();
  return result;
} catch (...) {
  rethrow_as_error();
}

namespace {

// For callers that have not moved to RunObserver yet.
class ProgressObserver final : public RunObserver {
 public:
  explicit ProgressObserver(Progress& progress) : progress_(progress) {}
  void on_stage(const RunPlace& at) override { progress_.on_stage(to_string(at.stage)); }
  void on_step(const RunPlace& at, double seconds) override {
    progress_.on_step({at.picture, at.pictures, at.evaluation, at.evaluations, seconds});
  }
  void on_preview(const RunPlace& at, const Preview& preview) override {
    progress_.on_preview({at.picture, preview.step, preview.steps, preview.image});
  }

 private:
  Progress& progress_;
};

}  // namespace

GenerateResult TextToImage::generate(const GenerateRequest& request, Progress& progress, StopToken stop,
                                     const std::function<void(GeneratedImage)>& on_image) {
  ProgressObserver observer(progress);
  return prepare(request).run(observer, stop, on_image);
}

void TextToImage::set_latent_tap(LatentTap tap) { impl_->tap = std::move(tap); }
void TextToImage::set_run_tap(RunTap* tap) { impl_->runtime.run_tap = tap; }

TextToImage::MemoryNow TextToImage::memory_now() const {
  const Impl& m = *impl_;
  MemoryNow out{.allocated_bytes = m.runtime.allocator.in_use_bytes()};
  for (const Network* network : {&m.dit, &m.gemma, &m.jina, &m.decoder, &m.encoder})
    out.weights_bytes += network->kept().bytes;
  return out;
}

const Resolution& TextToImage::precision() const { return impl_->resolution; }
int TextToImage::threads() const { return impl_->runtime.pool.size(); }

PictureSize TextToImage::final_size(const GenerateRequest& r) const {
  const int64_t step = impl_->vae.sizes.downscale() * impl_->transformer.sizes.patch;
  const PictureSize first = picture_size(r, impl_->vae.sizes.sample_size, step);
  return r.hires_scale != 0 ? hires_size(r, first, step) : first;
}

const TextToImage::Fingerprints& TextToImage::fingerprints() try { return impl_->identities(); } catch (...) {
  rethrow_as_error();
}

}  // namespace newbie
