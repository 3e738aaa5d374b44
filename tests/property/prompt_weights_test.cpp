// Prompt weights act on Gemma's features as documented, and a weight of 1 does nothing.
#include <gtest/gtest.h>

#include <cmath>

#include "generate/network.h"
#include "generate/parts.h"
#include "generate/prompt_weighting.h"
#include "generate/text_to_image.h"
#include "models/gemma3/graph.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

GenerateRequest request(std::string prompt, bool weights) {
  GenerateRequest r;
  r.prompt = std::move(prompt);
  r.width = r.height = 48;
  r.steps = 2;
  r.weights = weights;
  return r;
}

struct Drawn {
  Image image;
  GenerateResult result;
  MemoryPlan plan;
};
Drawn draw(const GenerateRequest& r, PrecisionRequest precision = PrecisionRequest::F32) {
  TextToImage engine =
      TextToImage::open({.folder = avatar_path()}, {.threads = 2, .precision = precision}, silent_log());
  Drawn out{.plan = engine.plan(r)};
  RunObserver progress;
  out.result = engine.generate(r, progress, {}, [&](GeneratedImage g) { out.image = std::move(g.image); });
  return out;
}

TEST(PromptWeights, OneIsTheSamePictureAsNoMarkup) {
  const Image plain = draw(request("1girl, blue_hair, smile", false)).image;
  EXPECT_EQ(draw(request("1girl, (blue_hair:1.0), smile", true)).image, plain);
  EXPECT_EQ(draw(request("1girl, blue_hair, smile", true)).image, plain);
  EXPECT_EQ(draw(request("1girl, ((blue_hair:0.5):2), smile", true)).image, plain);
  const Image verbatim = draw(request("1girl, (blue_hair:1.2), smile", false)).image;
  EXPECT_NE(verbatim, plain);
  EXPECT_NE(draw(request("1girl, (blue_hair:1.2), smile", true)).image, verbatim);
}

TEST(PromptWeights, EachKindDrawsAnotherPictureAndThePlanCountsItExactly) {
  for (const PrecisionRequest precision : {PrecisionRequest::F32, PrecisionRequest::BF16}) {
    std::vector<Image> seen;
    for (const char* prompt : {"1girl, blue_hair", "1girl, (blue_hair:1.4)", "1girl, (blue_hair:0.5)",
                               "(1girl:1.4), (blue_hair:0.5)", "1girl, (blue_hair:0)"}) {
      GenerateRequest r = request(prompt, true);
      r.negative_prompt = "[red], hat";
      const Drawn out = draw(r, precision);
      EXPECT_EQ(out.plan.allocated_peak_bytes(), out.result.allocated_peak_bytes) << prompt;
      for (const Image& other : seen) EXPECT_NE(out.image, other) << prompt;
      seen.push_back(out.image);
    }
  }
}

TEST(PromptWeights, AnEncoderThatHidesTokensDoesNotLookAtThem) {
  const TextEncoder part = open_text_encoder(avatar_path() / "text_encoder", silent_log());
  for (const PrecisionRequest precision : {PrecisionRequest::F32, PrecisionRequest::BF16}) {
    Runtime runtime(2, resolve_precision(precision, this_cpu()).policy, make_cpu_backend());
    Network network(runtime, part.weights, "text_encoder");
    constexpr int64_t kTokens = 9;
    const auto width = static_cast<size_t>(part.sizes.width);
    const auto features = [&](std::vector<int32_t> ids, std::optional<std::vector<float>> weights) {
      const Program program = network.compile(weights ? gemma3_features_with_hidden(part.sizes, kTokens)
                                                      : gemma3_features(part.sizes, kTokens));
      network.load(program);
      const Buffer arena = runtime.allocator.allocate(program.memory().arena_bytes, "arena");
      std::vector<float> bias(kTokens), out(kTokens * width);
      Bindings b;
      b.inputs["ids"] = {{Shape{kTokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
      if (weights) {
        hiding_bias(*weights, bias);
        b.inputs["key_bias"] = {{Shape{kTokens}, DType::F32}, reinterpret_cast<const std::byte*>(bias.data())};
      }
      b.outputs["features"] = {{Shape{kTokens, part.sizes.width}, DType::F32},
                               reinterpret_cast<std::byte*>(out.data())};
      network.run(program, arena, b, {});
      return out;
    };
    const std::vector<int32_t> ids{2, 40, 41, 42, 43, 44, 45, 46, 47};
    std::vector<int32_t> other = ids;
    other[3] = 99;
    const std::vector<float> hides{1, 1, 1, 0.5f, 1, 1, 1, 1, 1};
    const std::vector<float> a = features(ids, hides), b = features(other, hides);
    for (size_t token = 0; token < kTokens; ++token) {
      const bool same = std::equal(a.begin() + static_cast<std::ptrdiff_t>(token * width),
                                   a.begin() + static_cast<std::ptrdiff_t>((token + 1) * width),
                                   b.begin() + static_cast<std::ptrdiff_t>(token * width));
      EXPECT_EQ(same, token != 3) << "token " << token;
    }
    // With nothing hidden it is the ordinary encoder, but for the order of sums.
    const std::vector<float> plain = features(ids, std::nullopt);
    const std::vector<float> open = features(ids, std::vector<float>(kTokens, 1.0f));
    double difference = 0, length = 0;
    for (size_t i = 0; i < plain.size(); ++i) {
      difference += std::pow(static_cast<double>(plain[i]) - open[i], 2);
      length += std::pow(static_cast<double>(plain[i]), 2);
    }
    // Layers round their values about 30 times each to the compute type; differences add like steps at random.
    const double eps = precision == PrecisionRequest::F32 ? 0x1p-24 : 0x1p-9;
    EXPECT_LE(std::sqrt(difference / length), eps * 30 * static_cast<double>(part.sizes.layers));
  }
}

TEST(PromptWeights, TheFormulas) {
  const std::vector<float> hidden{0, 0, 10, 20, 30, 40};
  std::vector<float> e{1, 2, 3, 4, 5, 6};
  weigh_features(std::vector<float>{1, 1.5f, 1}, {}, e);
  EXPECT_EQ(e, (std::vector<float>{1, 2, 4, 5, 5, 6}));

  e = {1, 2, 3, 4, 5, 6};
  weigh_features(std::vector<float>{1, 2, 0.5f}, hidden, e);
  const double s = std::pow(2.0, 0.8), a = std::pow(0.5, 0.7);
  EXPECT_NEAR(e[2], 1 + s * 2, 1e-5);
  EXPECT_NEAR(e[3], 2 + s * 2, 1e-5);
  EXPECT_NEAR(e[4], a * 5 + (1 - a) * 30, 1e-5);
  EXPECT_NEAR(e[5], a * 6 + (1 - a) * 40, 1e-5);

  e = {1, 2, 3, 4, 5, 6};
  weigh_features(std::vector<float>{1, 0, 1}, hidden, e);
  EXPECT_EQ(e, (std::vector<float>{1, 2, 10, 20, 5, 6}));
}

}  // namespace
}  // namespace newbie::test
