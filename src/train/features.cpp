#include "train/features.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "generate/network.h"
#include "generate/parts.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "text/routing.h"
#include "text/system_prompts.h"
#include "train/official_cache.h"
#include "weights/fingerprint.h"

namespace newbie {

struct Features::Text {
  std::vector<int32_t> gemma, jina;
  size_t tokens = 0;              // Gemma's
  TextCacheKey features, pooled;  // spans are of the vectors above, which do not move
};

struct Features::Latent {
  bool known = true;
  TextCacheKey key;
};

namespace {

ConstTensorView ids_view(const std::vector<int32_t>& ids) {
  return {{{static_cast<int64_t>(ids.size())}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
}

TensorView floats_view(const Shape& shape, std::vector<float>& values) {
  return {{shape, DType::F32}, reinterpret_cast<std::byte*>(values.data())};
}

void require_finite(std::span<const float> values, std::string_view what, const std::string& name) {
  for (const float v : values)
    if (!std::isfinite(v))
      throw Error(ErrorKind::BadFile,
                  fmt::format("{} of {} are not finite: nothing could be learned from it", what, name),
                  "Encode in another precision (encoder_precision = \"exact\").");
}

TokenizedText tokenize_caption(const Tokenizer& tokenizer, const std::string& text, size_t limit,
                               std::string_view encoder, const std::string& name, std::vector<Features::Lost>& lost) {
  TokenizedText t = tokenizer.encode(text, limit);
  if (t.lost_tokens != 0) lost.push_back({name, std::string(encoder), t.lost_text, t.lost_tokens});
  return t;
}

EncoderTexts texts_of(const std::string& caption, const FeatureOptions& options) {
  return route_prompt(caption, resolve_system_prompt(options.system_prompt, caption).text, Routing::Official);
}

// The official trainer's captions are as they are written.
bool believes_official_text(const FeatureOptions& options) {
  return options.official_caches && options.tags.orders == 1;
}

// Its weights, and what its configuration makes of them.
std::string identity_of(const Part& part) { return fingerprint(part.files.files) + "\n" + part.config_text; }

// A network of one encoder with what its runs need. Programs of one size are kept until another comes.
class Encoder {
 public:
  Encoder(Runtime& runtime, const WeightStore& store, std::string part)
      : runtime_(runtime), network_(runtime, store, std::move(part)) {}

  void run(const std::string& size, const std::function<Graph()>& graph, const Bindings& bindings, StopToken stop) {
    if (!program_ || size != size_) {
      program_.emplace(network_.compile(graph()));
      size_ = size;
      arena_ = {};
      arena_ = runtime_.allocator.allocate(program_->memory().arena_bytes, "an encoder's arena");
      network_.load(*program_, stop);
    }
    network_.run(*program_, arena_, bindings, stop);
  }

 private:
  Runtime& runtime_;
  Network network_;
  std::optional<Program> program_;
  std::string size_;
  Buffer arena_;
};

}  // namespace

Features::~Features() = default;

Features::Features(const Dataset& dataset, const LocatedModel& model, const FeatureOptions& options, Log& log,
                   const EncodeProgress& progress, StopToken stop)
    : dataset_(dataset),
      orders_(static_cast<size_t>(options.tags.orders)),
      cache_(std::make_unique<TextCache>(options.cache, log)) {
  const int threads = options.threads;
  const TextEncoder text_encoder = open_text_encoder(model.paths.text_encoder, log, model.paths.strictness);
  const ClipModel clip = open_clip_model(model.paths.clip_model, log, model.paths.strictness);
  const Vae vae = open_vae(model.paths.vae, log, model.paths.strictness);
  caption_width_ = text_encoder.sizes.width;
  pooled_width_ = clip.sizes.width;
  latent_channels_ = vae.sizes.latent_channels;
  downscale_ = vae.sizes.downscale();
  const Resolution precision = resolve_precision(options.precision, this_cpu());

  const std::string text_identity = identity_of(text_encoder), clip_identity = identity_of(clip);
  const std::string vae_identity = identity_of(vae);
  Runtime runtime(threads, precision.policy, make_cpu_backend());
  Runtime exact(threads, PrecisionPolicy{.name = "f32"}, make_cpu_backend());
  const std::string arithmetic = precision.policy.hash() + ", " + runtime.backend->version();
  const size_t captions = dataset.examples.size() * orders_;
  const auto name_of = [&](size_t text) {
    return text < captions ? dataset.examples[text / orders_].name : std::string("the empty caption");
  };
  const auto latent_shape = [&](size_t i) {
    const PictureSize s = dataset.buckets[dataset.examples[i].bucket];
    return Shape{latent_channels_, s.height / downscale_, s.width / downscale_};
  };
  const auto latent_size = [&](size_t i) { return latent_shape(i).elements(); };
  {
    const auto gemma = text_encoder.open_tokenizer(), jina = clip.open_tokenizer();
    texts_.resize(captions + 1);
    for (size_t i = 0; i < texts_.size(); ++i) {
      const auto order = static_cast<int64_t>(i % orders_);
      const EncoderTexts words =
          i == captions
              ? EncoderTexts{}
              : texts_of(tags_in_order(dataset.examples[i / orders_].caption, options.tags, options.seed, order),
                         options);
      std::vector<Lost> lost;
      Text& t = texts_[i];
      t.gemma = tokenize_caption(*gemma, words.gemma_text, options.max_gemma_tokens, "Gemma", name_of(i), lost).ids;
      t.jina = tokenize_caption(*jina, words.jina_text, options.max_jina_tokens, "Jina CLIP", name_of(i), lost).ids;
      t.tokens = t.gemma.size();
      t.features = {"text_encoder", text_identity, arithmetic, t.gemma, {}};
      t.pooled = {"clip_model", clip_identity, arithmetic, t.jina, {}};
      if (order == 0) lost_.insert(lost_.end(), lost.begin(), lost.end());
    }
    for (size_t i = 0; i < dataset.examples.size(); ++i) {
      const Example& e = dataset.examples[i];
      const PictureSize b = dataset.buckets[e.bucket];
      latents_.push_back(
          {.key = {"vae",
                   fmt::format("{} of {} as {}x{} covered by lanczos", vae_identity, e.content, b.width, b.height),
                   exact.backend->version(),
                   {},
                   {}}});
    }
  }
  const auto keep_new = [&](const TextCacheKey& key, std::span<const float> values) {
    if (!cache_->find(key, values.size())) keep(key, values);
  };
  // What the official trainer left is kept under what it is: it never takes the place of what we encode.
  for (size_t i = 0; options.official_caches && i < dataset.examples.size(); ++i) {
    const double offset = static_cast<double>(vae.sizes.scaling_factor) * static_cast<double>(vae.sizes.shift_factor);
    if (const auto latent = read_official_latent(dataset.examples[i].path, latent_shape(i), offset, log)) {
      latents_[i].key = {"vae", "official cache " + latent->content, fmt::format("shifted by {}", offset), {}, {}};
      keep_new(latents_[i].key, latent->values);
    }
    if (!believes_official_text(options)) continue;
    if (const auto text = read_official_text(dataset.examples[i].path, caption_width_, pooled_width_, log)) {
      texts_[i].tokens = static_cast<size_t>(text->tokens);
      texts_[i].features = {"text_encoder", "official cache " + text->content, "", {}, {}};
      texts_[i].pooled = {"clip_model", "official cache " + text->content, "", {}, {}};
      keep_new(texts_[i].features, text->features);
      keep_new(texts_[i].pooled, text->pooled);
    }
  }

  // Each kind of work: what is missing, once each, then a network for it alone.
  const auto work = [&](std::string_view what, size_t count, auto key_of, auto size_of, auto encode) {
    std::vector<size_t> missing;
    std::set<std::string> seen;
    for (size_t i = 0; i < count; ++i)
      if (seen.insert(key_of(i).hash()).second && !cache_->find(key_of(i), size_of(i))) missing.push_back(i);
    if (missing.empty()) return;
    std::stable_sort(missing.begin(), missing.end(), [&](size_t a, size_t b) { return size_of(a) < size_of(b); });
    encode(missing);
    encoded_ += missing.size();
    progress(what, missing.size(), missing.size());
  };
  work(
      "captions", captions + (options.empty_caption ? 1 : 0), [&](size_t i) { return texts_[i].features; },
      [&](size_t i) { return texts_[i].tokens * static_cast<size_t>(caption_width_); },
      [&](const std::vector<size_t>& missing) {
        Encoder encoder(runtime, text_encoder.weights, "text_encoder");
        for (size_t done = 0; done < missing.size(); ++done) {
          progress("captions", done, missing.size());
          const Text& t = texts_[missing[done]];
          const auto tokens = static_cast<int64_t>(t.gemma.size());
          std::vector<float> out(t.gemma.size() * static_cast<size_t>(caption_width_));
          Bindings b;
          b.inputs["ids"] = ids_view(t.gemma);
          b.outputs["features"] = floats_view({tokens, caption_width_}, out);
          encoder.run(
              std::to_string(tokens), [&] { return gemma3_features(text_encoder.sizes, tokens); }, b, stop);
          require_finite(out, "text features", name_of(missing[done]));
          keep(t.features, out);
        }
      });
  work(
      "captions for CLIP", captions, [&](size_t i) { return texts_[i].pooled; },
      [&](size_t) { return static_cast<size_t>(pooled_width_); },
      [&](const std::vector<size_t>& missing) {
        Encoder encoder(runtime, clip.weights, "clip_model");
        for (size_t done = 0; done < missing.size(); ++done) {
          progress("captions for CLIP", done, missing.size());
          const Text& t = texts_[missing[done]];
          const auto tokens = static_cast<int64_t>(t.jina.size());
          std::vector<float> out(static_cast<size_t>(pooled_width_));
          Bindings b;
          b.inputs["ids"] = ids_view(t.jina);
          b.outputs["pooled"] = floats_view({1, pooled_width_}, out);
          encoder.run(
              std::to_string(tokens), [&] { return jina_text(clip.sizes, tokens); }, b, stop);
          require_finite(out, "pooled text features", name_of(missing[done]));
          keep(t.pooled, out);
        }
      });
  work(
      "pictures", dataset.examples.size(), [&](size_t i) { return latents_[i].key; }, latent_size,
      [&](const std::vector<size_t>& missing) {
        Encoder encoder(exact, vae.weights, "vae");
        for (size_t done = 0; done < missing.size(); ++done) {
          progress("pictures", done, missing.size());
          const size_t i = missing[done];
          const PictureSize s = dataset.buckets[dataset.examples[i].bucket];
          std::vector<float> pixels;
          try {
            pixels = to_signed_floats(trained_picture(dataset.examples[i], s));
          } catch (const Error& e) {
            if (e.kind() == ErrorKind::OverBudget) throw;
            log.warn("{} is left out: {}", dataset.examples[i].name, e.message());
            latents_[i].known = false;
            continue;
          }
          const Shape picture{s.height, s.width, 3};
          const Shape moments{2 * latent_channels_, s.height / downscale_, s.width / downscale_};
          std::vector<float> out(moments.elements());
          Bindings b;
          b.inputs["picture"] = floats_view(picture, pixels);
          b.outputs["moments"] = floats_view(moments, out);
          encoder.run(
              fmt::format("{}x{}", s.width, s.height), [&] { return flux_vae_encoder(vae.sizes, s.height, s.width); },
              b, stop);
          out.resize(latent_size(i));  // the means: the posterior's mode
          const auto scale = static_cast<float>(vae.sizes.scaling_factor),
                     shift = static_cast<float>(vae.sizes.shift_factor);
          for (float& x : out) x = (x - shift) * scale;
          require_finite(out, "latents", dataset.examples[i].name);
          keep(latents_[i].key, out);
        }
      });
}

bool Features::known(size_t example) const { return latents_[example].known; }

const Features::Text& Features::text(size_t example, size_t order) const { return texts_[example * orders_ + order]; }

size_t Features::tokens(size_t example) const {
  size_t most = 0;
  for (size_t order = 0; order < orders_; ++order) most = std::max(most, text(example, order).tokens);
  return most;
}

// Training reads everything from there.
void Features::keep(const TextCacheKey& key, std::span<const float> values) {
  cache_->keep(key, values);
  if (!cache_->find(key, values.size()))
    throw Error(ErrorKind::BadFile,
                "what was encoded could not be kept: the cache cannot be written, or its disk is full",
                "Set cache_dir to a folder with room.");
}

Features::Sample Features::read(size_t example, size_t order, bool dropped) const {
  const Example& e = dataset_.examples[example];
  const PictureSize s = dataset_.buckets[e.bucket];
  const Text &words = text(example, order), &features = dropped ? texts_.back() : words;
  Sample out;
  out.shape = {static_cast<int64_t>(features.tokens), s.height / downscale_, s.width / downscale_};
  const auto kept = [&](const TextCacheKey& key, size_t count, std::string_view what) {
    auto values = cache_->find(key, count);
    if (!values)
      throw Error(ErrorKind::BadFile, fmt::format("the {} of {} are no longer in the cache", what, e.name),
                  "Run again: what is missing is encoded again.");
    return std::move(*values);
  };
  out.caption = kept(features.features, features.tokens * static_cast<size_t>(caption_width_), "text features");
  out.pooled = kept(words.pooled, static_cast<size_t>(pooled_width_), "pooled text features");
  out.latent = kept(latents_[example].key, static_cast<size_t>(latent_channels_ * out.shape.height * out.shape.width),
                    "latents");
  return out;
}

CaptionTokens count_caption_tokens(const Dataset& dataset, const LocatedModel& model, const FeatureOptions& options,
                                   Log& log) {
  const TextEncoder text_encoder = open_text_encoder(model.paths.text_encoder, silent_log(), model.paths.strictness);
  const ClipModel clip = open_clip_model(model.paths.clip_model, silent_log(), model.paths.strictness);
  const auto gemma = text_encoder.open_tokenizer(), jina = clip.open_tokenizer();
  CaptionTokens out;
  for (const Example& e : dataset.examples) {
    size_t most = 0;
    for (int64_t order = 0; order < options.tags.orders; ++order) {
      const EncoderTexts texts = texts_of(tags_in_order(e.caption, options.tags, options.seed, order), options);
      std::vector<Features::Lost> lost;
      most = std::max(
          most, tokenize_caption(*gemma, texts.gemma_text, options.max_gemma_tokens, "Gemma", e.name, lost).ids.size());
      tokenize_caption(*jina, texts.jina_text, options.max_jina_tokens, "Jina CLIP", e.name, lost);
      if (order == 0) out.lost.insert(out.lost.end(), lost.begin(), lost.end());
    }
    if (believes_official_text(options))
      if (const auto text = read_official_text(e.path, text_encoder.sizes.width, clip.sizes.width, log))
        most = static_cast<size_t>(text->tokens);
    out.gemma.push_back(most);
  }
  return out;
}

}  // namespace newbie
