// What the encoders make of a training set, kept in files by content: of a picture's bytes and its bucket the latent,
// of a caption's ids the text features and the pooled text. Encoding comes first and frees its networks; then training
// reads what was kept.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compile/precision.h"
#include "core/stop_token.h"
#include "generate/model_layout.h"
#include "generate/text_cache.h"
#include "train/dataset.h"
#include "train/loss_graph.h"
#include "train/tags.h"

namespace newbie {

struct FeatureOptions {
  std::filesystem::path cache;               // a folder; runs may share it
  std::optional<std::string> system_prompt;  // as a request's: a known name, or a text; empty: none
  size_t max_gemma_tokens = 512, max_jina_tokens = 2048;
  PrecisionRequest precision;  // of the text encoders; the autoencoder is exact
  int threads = 0;
  bool empty_caption = false;  // captions may be dropped: that of "" is needed, too
  TagOptions tags;
  uint64_t seed = 0;             // of the tags' orders
  bool official_caches = false;  // beside pictures, where there are some, they are believed (official_cache.h)
};

// Told between two works of the same kind: how many of how many are done.
using EncodeProgress = std::function<void(std::string_view what, size_t done, size_t of)>;

class Features {
 public:
  // Opens the three encoders, encodes what the cache lacks, frees them. A picture that cannot be read by then is left
  // out with a warning (its `known` is false). Error{BadFile} when something is not finite, naming the example, or when
  // the cache cannot be written; Error{Cancelled}.
  Features(const Dataset& dataset, const LocatedModel& model, const FeatureOptions& options, Log& log,
           const EncodeProgress& progress, StopToken stop);
  ~Features();

  struct Sample {
    SampleShape shape;
    std::vector<float> caption, pooled, latent;  // the latent is normalised, the shift taken off
  };
  // Reads what was kept. Error{BadFile} when it is gone. `order`: of the caption's tags, below orders(). `dropped`:
  // Gemma's features are those of no words; the pooled text stays (spec/training.md §8).
  Sample read(size_t example, size_t order, bool dropped) const;
  size_t orders() const { return orders_; }

  bool known(size_t example) const;
  size_t tokens(size_t example) const;         // of Gemma's features, in its longest order
  size_t encoded() const { return encoded_; }  // works that the cache did not have

  // What the caption of an example loses to the encoders' limits.
  struct Lost {
    std::string name, encoder, words;
    size_t tokens = 0;
  };
  const std::vector<Lost>& lost() const { return lost_; }

 private:
  struct Text;
  struct Latent;
  const Text& text(size_t example, size_t order) const;
  void keep(const TextCacheKey& key, std::span<const float> values);

  const Dataset& dataset_;
  size_t orders_;
  std::unique_ptr<TextCache> cache_;
  std::vector<Text> texts_;  // by example and order; behind them the empty caption
  std::vector<Latent> latents_;
  std::vector<Lost> lost_;
  size_t encoded_ = 0;
  int64_t caption_width_ = 0, pooled_width_ = 0, latent_channels_ = 0, downscale_ = 8;
};

// Token counts and lost words of a dataset's captions, without a network: those of Features.
struct CaptionTokens {
  std::vector<size_t> gemma;  // by example, at most
  std::vector<Features::Lost> lost;
};
CaptionTokens count_caption_tokens(const Dataset& dataset, const LocatedModel& model, const FeatureOptions& options,
                                   Log& log);

}  // namespace newbie
