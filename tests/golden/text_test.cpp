// Both text encoders against the reference: every case, every layer.
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "stages.h"

namespace newbie::test {
namespace {

class Text : public ::testing::TestWithParam<Way> {};

RunResult gemma(const TextCase& c, const Way& way, Numbers numbers, bool observe = false) {
  const TextEncoder& part = avatar_text_encoder();
  return run_stage(gemma3_features(part.sizes, static_cast<int64_t>(c.gemma_ids.size())), part, "text_encoder", way,
                   numbers, {{"ids", ids_tensor(c.gemma_ids)}}, observe);
}

RunResult jina(const TextCase& c, const Way& way, Numbers numbers) {
  const ClipModel& part = avatar_clip_model();
  return run_stage(jina_text(part.sizes, static_cast<int64_t>(c.jina_ids.size())), part, "clip_model", way, numbers,
                   {{"ids", ids_tensor(c.jina_ids)}});
}

TEST_P(Text, FeaturesEqualTheReferenceInF32) {
  const Golden golden("text.safetensors");
  double worst_gemma = 0, worst_jina = 0;
  for (const TextCase& c : text_cases()) {
    const double g = max_error(gemma(c, GetParam(), Numbers::F32).output("features"), golden[c.name + "/gemma"].values);
    const double j = max_error(jina(c, GetParam(), Numbers::F32).output("pooled"), golden[c.name + "/jina"].values);
    EXPECT_LE(g, kF32Bound) << c.name;
    EXPECT_LE(j, kF32Bound) << c.name;
    worst_gemma = std::max(worst_gemma, g);
    worst_jina = std::max(worst_jina, j);
  }
  report("gemma f32", GetParam(), worst_gemma, kF32Bound);
  report("jina text f32", GetParam(), worst_jina, kF32Bound);
}

// bf16 may be half as far again from f32 as PyTorch's bf16 is, not more.
TEST_P(Text, FeaturesInBf16AreAsCloseAsPyTorchs) {
  const Golden golden("text.safetensors");
  double worst = 0;
  for (const TextCase& c : text_cases()) {
    for (const auto& [encoder, result] :
         {std::pair{std::string("gemma"), gemma(c, GetParam(), Numbers::BF16).output("features")},
          std::pair{std::string("jina"), jina(c, GetParam(), Numbers::BF16).output("pooled")}}) {
      const std::vector<float> want = golden[c.name + "/" + encoder].values;
      const double theirs = relative_rms(golden[c.name + "/" + encoder + ".bf16"].values, want);
      const double ours = relative_rms(result, want);
      EXPECT_LE(ours, 1.5 * theirs) << c.name << " " << encoder;
      worst = std::max(worst, ours / theirs);
    }
  }
  report("text bf16 / PyTorch bf16", GetParam(), worst, 1.5);
}

TEST_P(Text, EveryGemmaLayerEqualsTheReference) {
  const Golden golden("gemma_layers.safetensors");
  const RunResult run = gemma(text_case("single"), GetParam(), Numbers::F32, true);
  double worst = 0;
  for (int64_t i = 0; i < avatar_text_encoder().sizes.layers; ++i) {
    const std::string path = i == 0 ? "embed_tokens" : "layers." + std::to_string(i - 1);
    const double error = max_error(run.path(path), golden["hidden." + std::to_string(i)].values);
    EXPECT_LE(error, kF32Bound) << path;
    worst = std::max(worst, error);
  }
  report("gemma layers f32", GetParam(), worst, kF32Bound);
}

INSTANTIATE_TEST_SUITE_P(Ways, Text, ::testing::ValuesIn(kWays), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace newbie::test
