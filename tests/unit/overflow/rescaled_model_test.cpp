// Whole models with rescaled values: the same picture in f32; and which values go together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generate/part_graphs.h"
#include "overflow/scale_classes.h"
#include "overflow/subject.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

struct Drawn {
  Image image;
  std::vector<float> latent;
};

Drawn draw(const std::vector<Rescale>& rescales, bool fuse) {
  PrecisionRequest precision(PrecisionPreset::F32);
  precision.rescales = rescales;
  TextToImage engine =
      TextToImage::open({.folder = avatar_path()}, {.threads = 2, .precision = precision, .fuse = fuse}, silent_log());
  GenerateRequest r;
  r.prompt = "1girl, purple_hair";
  r.width = r.height = 64;
  r.sampler = "euler";
  r.steps = 2;
  Drawn out;
  struct LastLatent : RunObserver {
    std::vector<float> seen;
    void on_latent(const RunPlace&, int, std::span<const float> x) override { seen.assign(x.begin(), x.end()); }
  } quiet;
  engine.generate(r, quiet, {}, [&](GeneratedImage g) { out.image = std::move(g.image); });
  out.latent = std::move(quiet.seen);
  return out;
}

TEST(RescaledModel, DrawsTheSameBitsInF32) {
  const std::vector<Rescale> rescales{{"transformer.*.feed_forward.w2", -4, ""},
                                      {"transformer.layers.*.feed_forward.w3", -3, ""},
                                      {"transformer.*.attention.out", 3, ""},
                                      {"transformer.layers.2.attention.qkv", -6, ""},
                                      {"transformer.x_embedder", -2, ""},
                                      {"transformer.*_norm2", -2, ""},
                                      {"text_encoder.embed_tokens", -5, ""},
                                      {"text_encoder.layers.*.post_*_layernorm", -5, ""},
                                      {"text_encoder.layers.0.self_attn.*_norm", 4, ""},
                                      {"clip_model.*", -1, ""},
                                      {"vae.decoder.*.conv1", 5, ""},
                                      {"vae.decoder.*.conv2", -3, ""}};
  for (const bool fuse : {true, false}) {
    const Drawn want = draw({}, fuse), got = draw(rescales, fuse);
    EXPECT_EQ(got.latent, want.latent) << fuse;
    EXPECT_EQ(got.image, want.image) << fuse;
  }
}

// The classes of a part of the embedded model, as a trace sees its graphs.
ScaleClasses classes_of(const char* part, FileKind kind) {
  const OpenedPart opened = open_part(avatar_path() / part, kind, Strictness::Strict);
  std::vector<TracedGraph> traced;
  for (const NamedGraph& named : opened.graphs)
    traced.push_back({opened.name, transform(named.graph, {.part = opened.name, .fuse = false, .name_all = true}), 1});
  std::vector<const TracedGraph*> graphs;
  for (const TracedGraph& one : traced) graphs.push_back(&one);
  return ScaleClasses(graphs);
}

TEST(ScaleClasses, GemmasStreamIsOneFromTableToOutput) {
  const ScaleClasses classes = classes_of("text_encoder", FileKind::TextEncoder);
  const ScaleClass& stream = classes.of("text_encoder.layers.0");
  EXPECT_THAT(stream.sources, Contains("text_encoder.embed_tokens"));
  EXPECT_THAT(stream.sources, Contains("text_encoder.layers.1.post_attention_layernorm"));
  EXPECT_THAT(stream.sources, Contains("text_encoder.layers.0.post_feedforward_layernorm"));
  EXPECT_THAT(stream.sources, Not(Contains("text_encoder.layers.0.mlp.down_proj")));
  EXPECT_THAT(stream.must_be_true, IsEmpty());
  EXPECT_EQ(&classes.of("text_encoder.embed_tokens"), &stream);
}

TEST(ScaleClasses, AProductGoesWithItsUpperHalfAndAGateWithNone) {
  const ScaleClasses classes = classes_of("transformer", FileKind::Transformer);
  const ScaleClass& up = classes.of("transformer.layers.0.feed_forward.w2:swiglu");
  EXPECT_THAT(up.sources, testing::ElementsAre("transformer.layers.0.feed_forward.w3"));
  EXPECT_THAT(up.must_be_true, IsEmpty());
  EXPECT_THAT(classes.of("transformer.layers.0.feed_forward.w1").must_be_true,
              testing::ElementsAre("transformer.layers.0.feed_forward.w1"));
  EXPECT_THAT(classes.of("transformer.layers.0.feed_forward.w2").sources,
              testing::ElementsAre("transformer.layers.0.feed_forward.w2"));
  const ScaleClass& stream = classes.of("transformer.layers.3");
  EXPECT_THAT(stream.sources, Contains("transformer.x_embedder"));
  EXPECT_THAT(stream.sources, Contains("transformer.layers.5.ffn_norm2"));
  EXPECT_THROW(classes.of("transformer.nothing"), Error);
}

}  // namespace
}  // namespace newbie::test
