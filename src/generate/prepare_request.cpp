#include "generate/prepare_request.h"

#include <algorithm>
#include <limits>

#include "core/checked.h"
#include "core/printable.h"
#include "diffusion/registry.h"
#include "generate/budget_search.h"
#include "generate/buffer_sizes.h"
#include "generate/init_fit.h"
#include "generate/init_picture.h"
#include "generate/prompt_weighting.h"
#include "graph/cost.h"
#include "text/plain_text.h"
#include "text/prompt_weights.h"
#include "text/system_prompts.h"

namespace newbie {

bool TokenizedPrompt::hides() const { return !cached_features && needs_hidden(gemma_weights); }

uint64_t PreparedRequest::seed_of(int picture) const {
  return request.batch_noise == BatchNoise::Seeds ? request.seed + static_cast<uint64_t>(picture) : request.seed;
}

PictureSize PreparedRequest::final_size() const { return size_of_whole(request).value_or(last().size); }

namespace {

// Reads prompts with both tokenizers.
class PromptReader {
 public:
  PromptReader(const OpenedModel& model, const GenerateRequest& request, Log& log)
      : model_(model), request_(request), log_(log) {}

  TokenizedPrompt read(const EncoderTexts& texts, const WeightedPrompt& prompt, const char* which) const {
    TokenizedPrompt out;
    TokenizedText gemma = encode(*model_.gemma_tokenizer, texts.gemma_text, request_.max_gemma_tokens,
                                 model_.text_encoder.sizes.vocabulary, model_.text_encoder, which, "Gemma");
    if (!prompt.spans.empty()) {
      if (gemma.specials_before == 0)
        fail(ErrorKind::Unsupported, "{}: prompt weights need a tokenizer that starts with a special token",
             model_.text_encoder.path.string());
      out.gemma_weights =
          token_weights(texts.gemma_text, texts.gemma_text.size() - prompt.text.size(), prompt.spans, gemma);
    }
    out.gemma = std::move(gemma.ids);
    out.jina = encode(*model_.jina_tokenizer, texts.jina_text, request_.max_jina_tokens,
                      model_.clip_model.sizes.vocabulary, model_.clip_model, which, "Jina CLIP")
                   .ids;
    return out;
  }

 private:
  TokenizedText encode(const Tokenizer& tokenizer, const std::string& text, size_t limit, int64_t rows,
                       const Part& part, const char* which, const char* reader) const {
    TokenizedText t = tokenizer.encode(text, limit);
    if (t.lost_tokens != 0)
      log_.warn("the {} is longer than {} tokens for {}: {} tokens are lost, from {} on", which, limit, reader,
                t.lost_tokens, in_quotes(t.lost_text));
    if (!t.unknown_text.empty())
      log_.warn("{} has no token for {} of the {}: it reads \"unknown\" there", reader, in_quotes(t.unknown_text),
                which);
    for (int32_t id : t.ids)
      if (id < 0 || id >= rows)
        fail_with_hint(ErrorKind::BadFile, "is this another model's tokenizer?",
                       "{}: the tokenizer gives id {}, the embedding has {} rows", part.path.string(), id, rows);
    return t;
  }

  const OpenedModel& model_;
  const GenerateRequest& request_;
  Log& log_;
};

int64_t size_step(const OpenedModel& model) { return model.vae.sizes.downscale() * model.transformer.sizes.patch; }

void add_passes(const OpenedModel& model, PreparedRequest& p) {
  const GenerateRequest& r = p.request;
  const int64_t downscale = model.vae.sizes.downscale(), step = size_step(model);
  const auto add = [&](PictureSize size, NoiseLevels noise) {
    const int64_t h = size.height / downscale, w = size.width / downscale, tile = r.vae_tile / downscale;
    p.passes.push_back(
        {static_cast<int>(p.passes.size()), size, h, w, std::move(noise), tile_spans(h, tile), tile_spans(w, tile)});
  };
  add(picture_size(r, model.vae.sizes.sample_size, step), noise_levels(r));
  if (r.hires_scale != 0) add(hires_size(r, p.first().size, step), hires_noise_levels(r));
}

void read_prompts(const OpenedModel& model, PreparedRequest& p, Log& log) {
  const GenerateRequest& r = p.request;
  const auto weighted = [&](const std::string& text, const char* what) {
    WeightedPrompt plain;
    plain.text = text;
    return r.weights ? parse_weights(text, what) : plain;
  };
  const PromptReader reader(model, r, log);
  const WeightedPrompt prompt = weighted(r.prompt, "the prompt");
  const SystemPrompt system = resolve_system_prompt(r.system_prompt, prompt.text);
  p.system_prompt = system.text;
  p.prompts.push_back(reader.read(route_prompt(prompt.text, system.text, r.routing), prompt, "prompt"));
  if (r.cfg == 1.0) return;
  const WeightedPrompt negative = weighted(r.negative_prompt, "the negative prompt");
  p.prompts.push_back(
      reader.read(route_negative_prompt(negative.text, system.text, r.routing), negative, "negative prompt"));
}

// What no way to run a graph of the autoencoder goes without.
size_t least_bytes(Engine& engine, GraphKind graph, int64_t h, int64_t w) {
  size_t out = std::numeric_limits<size_t>::max();
  for (const Bands bands : {Bands::None, Bands::Once, Bands::Again}) {
    if (bands != Bands::None && !engine.can_band()) continue;
    const ProgramKey key{graph, {h, w}, bands};
    out = std::min(out, least_arena_bytes(transform(build_graph(engine.model, key), engine.compile_options(key))));
  }
  return out;
}

// What cannot fit is refused by its shapes: kernels for millions of tokens or thousands of columns take time and memory
// to make. What is smaller is planned, and told the smallest budget that would do.
void refuse_giants(Engine& engine, const PreparedRequest& p, size_t budget) {
  constexpr size_t kCheap = size_t{1} << 30;              // bytes of values: kernels of less are made in a moment
  constexpr int64_t kCheapPixels = int64_t{2048} * 2048;  // likewise
  const OpenedModel& model = engine.model;
  const auto refuse_over = [&](size_t least) {
    if (least > std::max(budget, kCheap)) refuse("more than ", least, budget);
  };
  // The residual stream and one branch of it are alive together, whatever else is.
  const int64_t patch = model.transformer.sizes.patch;
  const size_t tokens = checked_mul(static_cast<size_t>(p.last().h / patch), static_cast<size_t>(p.last().w / patch));
  refuse_over(checked_mul(tokens, static_cast<size_t>(model.transformer.sizes.dim) * 2 * sizeof(float)));
  if (engine.runtime.device) return;  // what it has room for is another number
  const int64_t scale = model.vae.sizes.downscale();
  const auto look_at = [&](GraphKind graph, int64_t h, int64_t w) {
    if (h * w * scale * scale > kCheapPixels) refuse_over(least_bytes(engine, graph, h, w));
  };
  look_at(GraphKind::Decode, p.last().rows.front().count, p.last().columns.front().count);
  if (p.starts_from_picture()) look_at(GraphKind::Encode, p.first().h, p.first().w);
  if (p.hires()) look_at(GraphKind::Encode, p.last().h, p.last().w);
}

// What becomes of a picture to start from, or of its mask, where it has another shape.
void tell_of_fits(const GenerateRequest& r, PictureSize size, Log& log) {
  if (!r.init_image) return;
  const auto tell = [&](const char* field, const Image& image) {
    log.warn("`{}` of {}x{} becomes {}x{} by `init_fit` {}", field, image.width, image.height, size.width, size.height,
             name_in(init_fits(), r.init_fit));
  };
  const bool is_part = size_of_whole(r).has_value();
  if (!is_part && has_other_proportions(*r.init_image, size)) tell("init_image", *r.init_image);
  if (!r.mask) return;
  if (has_other_proportions(*r.mask, {r.init_image->width, r.init_image->height})) {
    if (is_part)
      log.warn("`mask` of {}x{} is stretched over `init_image` of {}x{}", r.mask->width, r.mask->height,
               r.init_image->width, r.init_image->height);
    else if (has_other_proportions(*r.mask, size))
      tell("mask", *r.mask);
  }
}

}  // namespace

PreparedRequest prepare_request(Engine& engine, const GenerateRequest& request, size_t budget, Log& log) {
  const OpenedModel& model = engine.model;
  PreparedRequest p;
  p.request = request;
  // Wherever they came from, a byte order mark or a CR is no word of theirs.
  for (std::string* words : {&p.request.prompt, &p.request.negative_prompt}) *words = plain_text(*words);
  if (p.request.system_prompt) p.request.system_prompt = plain_text(*p.request.system_prompt);
  move_prompt_adapters(p.request);
  if (p.request.shift == 0) p.request.shift = model.shift;
  check_request(p.request);
  p.adapters = job_adapters(engine.adapters, engine.runtime.precision, p.request, log);
  add_passes(model, p);
  p.sampler = &sampler_of(request);
  read_prompts(model, p, log);
  if (engine.text_cache)
    for (TokenizedPrompt& t : p.prompts) {
      const BufferSizes sizes(model, p);
      t.cached_features =
          engine.text_cache->find(features_key(engine, p.adapters, t), sizes.features(t) / sizeof(float));
      t.cached_pooled = engine.text_cache->find(pooled_key(engine, t), sizes.pooled() / sizeof(float));
    }
  refuse_giants(engine, p, budget);
  const PictureSize size = p.first().size;
  check_init_picture(request);
  tell_of_fits(request, size, log);
  if (request.preview_every > 0) {
    if (request.preview_method == PreviewMethod::Linear) p.preview_factors = read_preview_factors(model.vae);
    p.decodes_previews = !p.preview_factors;
    if (p.decodes_previews && request.preview_method == PreviewMethod::Linear)
      log.warn("no {}: previews are decoded, which takes longer; newbie dev fit-preview makes one",
               preview_factors_path(model.vae.path).string());
  }
  return p;
}

PictureSize final_size(const OpenedModel& model, const GenerateRequest& r) {
  const int64_t step = size_step(model);
  const PictureSize first = picture_size(r, model.vae.sizes.sample_size, step);
  if (const auto whole = size_of_whole(r)) return *whole;
  return r.hires_scale != 0 ? hires_size(r, first, step) : first;
}

namespace {

// Of an encoder whose features are kept: the same weights with another configuration give others.
std::string identity_of(const OpenedModel& model, PartKind kind) {
  const std::string& identity = model.fingerprints().of(kind);
  const std::string& config = model.part(kind).config_text;
  return config.empty() ? identity : fmt::format("{} {}", identity, config);
}

}  // namespace

TextCacheKey features_key(const Engine& engine, const JobAdapters& adapters, const TokenizedPrompt& t) {
  const std::string over = adapters.text_encoder ? " + " + adapters.text_encoder->tag() : "";
  return {std::string(to_string(PartKind::TextEncoder)), identity_of(engine.model, PartKind::TextEncoder),
          engine.arithmetic() + over, t.gemma, t.gemma_weights};
}

TextCacheKey pooled_key(const Engine& engine, const TokenizedPrompt& t) {
  const std::string identity = identity_of(engine.model, PartKind::ClipModel);
  return {std::string(to_string(PartKind::ClipModel)), identity, engine.arithmetic(), t.jina, {}};
}

}  // namespace newbie
