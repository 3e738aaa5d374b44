// Models that leave float16's range: what is out is named, the cure keeps it in, bfloat16 never noticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "overflow/cure.h"
#include "support/golden.h"
#include "unit/overflow/hard_model.h"

namespace newbie::test {
namespace {

using testing::HasSubstr;

constexpr StudyOptions kOptions{.threads = 2};

std::unique_ptr<Subject> drawn_by(const ModelPaths& paths) {
  return picture_subject(paths, {small_request()}, {.threads = 2});
}

std::shared_ptr<const Study> study_of(Subject& subject, const PrecisionRequest& request) {
  RunObserver quiet;
  return study(subject, request, kOptions, quiet, {});
}

// How far the latents are from those in f32.
double drift(const Study& s) { return relative_rms(s.drawn.results[0], s.exact.results[0]); }

struct HardCase {
  std::string first;                  // what leaves the range first
  std::vector<std::string> rescaled;  // the paths that the cure shrinks
};

void expect_found_and_cured(const ModelPaths& model, const HardCase& hard) {
  const auto subject = drawn_by(model);
  const auto before = study_of(*subject, PrecisionRequest::F16);
  EXPECT_TRUE(before->bad_in_f32.empty());
  ASSERT_TRUE(before->first_bad());
  EXPECT_EQ(before->first_bad()->name(), hard.first.substr(0, hard.first.find('[')));
  EXPECT_FALSE(before->first_bad()->inside);
  ASSERT_FALSE(before->excesses.empty());
  EXPECT_EQ(before->excesses.front().name, hard.first);
  EXPECT_GT(before->excesses.front().largest, 65504.0);
  EXPECT_TRUE(std::isnan(before->cosines()[0]));

  RunObserver quiet;
  const Cure c = cure(*subject, PrecisionRequest::F16, before, kOptions, quiet, {});
  EXPECT_TRUE(c.works()) << (c.left.empty() ? "" : c.left.front());
  EXPECT_GE(c.after->cosines()[0], 0.999);
  EXPECT_LE(c.after->f32_flop, 0.05 * c.after->flop);
  std::vector<std::string> rescaled;
  for (const Rescale& r : c.rescales) rescaled.push_back(r.path_glob);
  EXPECT_THAT(rescaled, testing::UnorderedElementsAreArray(hard.rescaled));
  EXPECT_TRUE(c.rules.empty());
  const Excess& first = before->excesses.front();
  fmt::print("measured {}: {:.6g} in f32; cure {} x 2^{}; cosine {:.6f}; {:.2f} % in f32; {} -> {} bytes\n", first.name,
             first.largest, rescaled.front(), c.rescales.front().log2, c.after->cosines()[0],
             100 * c.after->f32_flop / c.after->flop, before->drawn.peak_bytes, c.after->drawn.peak_bytes);

  // In f32 the policy changes no bit of the result.
  EXPECT_EQ(c.after->exact.results[0], before->exact.results[0]);

  // The policy is what the engine needs, without a guard's help.
  TextToImage engine =
      TextToImage::open(model, {.threads = 2, .precision = c.request, .guard = GuardMode::Strict}, silent_log());
  EXPECT_NO_THROW(engine.generate(small_request(), quiet, {}, [](const GeneratedImage&) {}));

  const auto bf16 = study_of(*subject, PrecisionRequest::BF16);
  EXPECT_FALSE(bf16->first_bad());
  EXPECT_TRUE(bf16->excesses.empty());
  static const double usual = drift(*study_of(*drawn_by({.folder = avatar_path()}), PrecisionRequest::BF16));
  EXPECT_LE(drift(*bf16), 1.25 * usual);
  fmt::print("measured {}: bf16 drift {:.5f}, of the unscaled model {:.5f}\n", first.name, drift(*bf16), usual);
}

TEST(HardModels, TheEmbeddedModelIsHealthyInF16) {
  const auto subject = drawn_by({.folder = avatar_path()});
  const auto s = study_of(*subject, PrecisionRequest::F16);
  EXPECT_TRUE(s->is_finite());
  EXPECT_TRUE(s->excesses.empty());
  EXPECT_TRUE(s->losses.empty()) << s->losses.front().name;
  EXPECT_GE(s->cosines()[0], 0.9999);
  RunObserver quiet;
  const Cure c = cure(*subject, PrecisionRequest::F16, s, kOptions, quiet, {});
  EXPECT_TRUE(c.works());
  EXPECT_TRUE(c.rescales.empty() && c.rules.empty());
}

TEST(HardModels, AFeedForwardsProduct) {
  expect_found_and_cured(large_product("layers.2", 16).paths(),
                         {"transformer.layers.2.feed_forward.w3", {"transformer.layers.2.feed_forward.w3"}});
}

TEST(HardModels, AttentionsValues) {
  expect_found_and_cured(large_values("layers.4", 16).paths(),
                         {"transformer.layers.4.attention.qkv[384:480]",  // queries and keys stay as they are
                          {"transformer.layers.4.attention.qkv[384:480]"}});
}

TEST(HardModels, GemmasResidualStream) {
  expect_found_and_cured(large_stream(14).paths(),
                         {"text_encoder.layers.0.pre_feedforward_layernorm:add",
                          {"text_encoder.embed_tokens", "text_encoder.layers.*.post_attention_layernorm",
                           "text_encoder.layers.*.post_feedforward_layernorm"}});
}

// Every tensor stays finite in f16-naive, and the norm's result is wrong.
TEST(HardModels, ASumOfSquaresThatNoTensorShows) {
  const HardModel model = large_stream(5);
  const auto subject = encoder_subject(EncoderKind::TextEncoder, model.paths().text_encoder, Strictness::Strict,
                                       {{"1girl, purple_hair, smile", {}}}, 512, {.threads = 2});
  const auto s = study_of(*subject, PrecisionRequest::F16Naive);
  ASSERT_TRUE(s->first_bad());
  EXPECT_TRUE(s->first_bad()->inside);
  EXPECT_EQ(s->first_bad()->name(), "text_encoder.layers.0.input_layernorm");
  EXPECT_THAT(s->first_bad()->what, HasSubstr("sum of squares"));
  ASSERT_FALSE(s->excesses.empty());
  EXPECT_EQ(s->excesses.front().where, Excess::Where::Inside);
  EXPECT_EQ(s->excesses.front().name, "text_encoder.layers.0.input_layernorm");
  const ValueRange* normed = s->asked->find("text_encoder.layers.0.input_layernorm");
  ASSERT_NE(normed, nullptr);
  EXPECT_EQ(normed->not_finite, 0U);
  EXPECT_LT(s->cosines()[0], 0.99);

  RunObserver quiet;
  const Cure c = cure(*subject, PrecisionRequest::F16Naive, s, kOptions, quiet, {});
  EXPECT_TRUE(c.works());
  EXPECT_GE(c.after->cosines()[0], 0.999);
}

// w1's result goes through a function that takes no scale: it has to be kept in f32, the matrices need not.
TEST(HardModels, AGateIsAnIslandOfF32) {
  const HardModel model("transformer", [](const std::string& name, std::span<float> values, size_t) {
    if (name != "layers.1.feed_forward.w1.weight") return false;
    scale(values, 16);
    return true;
  });
  const auto subject = drawn_by(model.paths());
  const auto before = study_of(*subject, PrecisionRequest::F16);
  ASSERT_TRUE(before->first_bad());
  EXPECT_EQ(before->first_bad()->name(), "transformer.layers.1.feed_forward.w1");
  RunObserver quiet;
  const Cure c = cure(*subject, PrecisionRequest::F16, before, kOptions, quiet, {});
  EXPECT_TRUE(c.works()) << (c.left.empty() ? "" : c.left.front());
  EXPECT_FALSE(c.rules.empty());
  EXPECT_GE(c.after->cosines()[0], 0.999);
  EXPECT_LE(c.after->f32_flop, 0.05 * c.after->flop);
}

// What f32 cannot hold either is said, and no policy is made for it.
TEST(HardModels, NotANumberInAWeightIsNoOverflow) {
  const HardModel model("transformer", [](const std::string& name, std::span<float> values, size_t) {
    if (name != "layers.0.attention.out.weight") return false;
    values[7] = NAN;
    return true;
  });
  const auto s = study_of(*drawn_by(model.paths()), PrecisionRequest::F16);
  ASSERT_FALSE(s->bad_in_f32.empty());
  EXPECT_EQ(s->bad_in_f32.front(), "transformer.layers.0.attention.out");
  EXPECT_TRUE(s->excesses.empty());
}

}  // namespace
}  // namespace newbie::test
