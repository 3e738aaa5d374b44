// Extractors: networks that turn pictures, and texts, into feature vectors. Numbers are f32 on every machine, so that
// scores can be compared between machines.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/log.h"
#include "evaluate/features.h"
#include "evaluate/inception_input.h"
#include "evaluate/resample.h"
#include "generate/network.h"
#include "image/image.h"

namespace newbie {

class ImageExtractor {
 public:
  virtual ~ImageExtractor() = default;
  virtual std::string name() const = 0;  // "jina-clip", "inception-v3/clean": scores carry it
  virtual size_t dimension() const = 0;
  // `rgb` has any size; out.size() is dimension().
  virtual void extract(const Image& rgb, std::span<float> out, StopToken stop) = 0;
};

// What extractors run on: f32 on the CPU backend.
Runtime evaluation_runtime(int threads);

// Both towers of the model's Jina CLIP: resized to its own side by the shorter one, cut to the middle square.
class JinaExtractor final : public ImageExtractor {
 public:
  // Runtime must outlive the extractor. Error{BadFile} as open_clip_model, Error{Unsupported} when the file has the
  // text tower alone.
  JinaExtractor(Runtime& runtime, const std::filesystem::path& clip_model, Log& log);
  ~JinaExtractor() override;

  std::string name() const override { return "jina-clip"; }
  size_t dimension() const override;
  void extract(const Image& rgb, std::span<float> out, StopToken stop) override;

  // Features of the text tower; `cut` texts had more than 8192 tokens, and their ends were not read. Opens the
  // tokenizer at the first call.
  struct TextFeatures {
    FeatureMatrix features;
    size_t cut = 0;
  };
  TextFeatures extract_texts(std::span<const std::string> texts, const Watch& watch);

  std::optional<double> logit_scale() const;  // as stored: a logarithm

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// InceptionV3 from a .safetensors file made by tools/convert_inception.py. Error{BadFile} naming the first weight that
// is missing or mis-shaped.
std::unique_ptr<ImageExtractor> inception_extractor(Runtime& runtime, const std::filesystem::path& weights,
                                                    InceptionInput input);

}  // namespace newbie
