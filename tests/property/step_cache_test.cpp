// Step caches: nothing left out gives the very picture, something left out one that is near it, by fewer layers.
#include <gmock/gmock.h>

#include <cmath>

#include "generate/text_to_image.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

struct Drawn {
  std::vector<float> latent;  // the last
  GenerateResult result;
};

Drawn draw(const CacheOptions& cache, PrecisionRequest precision, const std::string& sampler) {
  TextToImage engine =
      TextToImage::open({.folder = avatar_path()}, {.threads = 2, .precision = precision}, silent_log());
  GenerateRequest r;
  r.prompt = "1girl, aqua_hair, smile";
  r.width = r.height = 64;
  r.steps = 12;
  r.sampler = sampler;
  r.cache = cache;
  Drawn out;
  struct LastLatent : RunObserver {
    std::vector<float> seen;
    void on_latent(const RunPlace&, int, std::span<const float> x) override { seen.assign(x.begin(), x.end()); }
  } progress;
  out.result = engine.generate(r, progress, {}, [](GeneratedImage) {});
  out.latent = std::move(progress.seen);
  return out;
}

double relative_rms(const std::vector<float>& a, const std::vector<float>& b) {
  double far = 0, all = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    far += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    all += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(far / all);
}

TEST(StepCache, AtAThresholdOfZeroTheThreePartsAreTheWholeStep) {
  for (const PrecisionRequest& precision :
       {PrecisionRequest(PrecisionRequest::F32), PrecisionRequest(PrecisionRequest::BF16)}) {
    const Drawn whole = draw({}, precision, "euler"), parts = draw({CacheMode::FirstBlock, 0}, precision, "euler");
    EXPECT_EQ(parts.latent, whole.latent);
    EXPECT_EQ(parts.result.shortened_evaluations, 0);
    EXPECT_EQ(parts.result.evaluations, whole.result.evaluations);
  }
}

TEST(StepCache, WhatIsLeftOutIsCountedAndThePictureStaysNear) {
  for (const char* sampler : {"euler", "heun"}) {
    const Drawn whole = draw({}, PrecisionRequest::F32, sampler);
    for (const CacheMode mode : {CacheMode::FirstBlock, CacheMode::Linear}) {
      const Drawn little = draw({mode, 0.05}, PrecisionRequest::F32, sampler),
                  much = draw({mode, 0.5}, PrecisionRequest::F32, sampler);
      EXPECT_GT(much.result.shortened_evaluations, little.result.shortened_evaluations);
      EXPECT_LT(much.result.shortened_evaluations, much.result.evaluations);
      EXPECT_LE(relative_rms(little.latent, whole.latent), relative_rms(much.latent, whole.latent));
    }
  }
}

}  // namespace
}  // namespace newbie::test
