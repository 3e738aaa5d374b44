// The denoiser against the reference: every module path of one step, and velocities of every case at four times.
#include "core/random.h"
#include "models/next_dit/graph.h"
#include "stages.h"

namespace newbie::test {
namespace {

class NextDit : public ::testing::TestWithParam<Way> {};

struct Step {
  RunResult context, step;
};

Step step(const Tensor& latent, float t, const Tensor& features, const Tensor& pooled, const Way& way, Numbers numbers,
          bool observe = false) {
  const Transformer& part = avatar_transformer();
  const int64_t tokens = features.shape[0];
  Step out;
  out.context = run_stage(next_dit_context(part.sizes, tokens), part, "transformer", way, numbers,
                          {{"caption", features}}, observe);
  out.step =
      run_stage(next_dit_step(part.sizes, tokens, latent.shape[1], latent.shape[2]), part, "transformer", way, numbers,
                {{"latent", latent},
                 {"time", {{1}, {t}}},
                 {"context", {{tokens, part.sizes.dim}, out.context.output("context")}},
                 {"pooled", pooled}},
                observe);
  return out;
}

// A fused run has no value for the paths that fusion joins; the unfused runs see every one.
TEST_P(NextDit, EveryPathEqualsTheReference) {
  const Golden golden("dit_paths.safetensors");
  const Step run = step(golden["input/x"], golden["input/t"].values[0], golden["input/cap_feats"],
                        golden["input/pooled"], GetParam(), Numbers::F32, true);
  double worst = 0;
  size_t seen = 0;
  for (const std::string& name : golden.names("path/")) {
    const std::string path = name.substr(5);
    const Tensors& paths = run.context.paths.contains(path) ? run.context.paths : run.step.paths;
    const auto it = paths.find(path);
    if (it == paths.end()) {
      EXPECT_TRUE(GetParam().fuse) << path << " was not seen";
      EXPECT_NE(path.find("norm"), std::string::npos) << path << " is not a norm, and fusion took it";
      continue;
    }
    ++seen;
    const double error = max_error(it->second.values, golden[name].values);
    EXPECT_LE(error, kF32Bound) << path;
    worst = std::max(worst, error);
  }
  EXPECT_GE(seen, GetParam().fuse ? 35u : golden.names("path/").size());
  const double velocity = max_error(run.step.output("velocity"), golden["velocity"].values);
  EXPECT_LE(velocity, kF32Bound);
  report("denoiser paths f32", GetParam(), std::max(worst, velocity), kF32Bound);
}

constexpr const char* kTimes[] = {"0.0", "0.08", "0.5", "0.97"};

// The noise that every case starts from is the latent of its seed: taken from the listing of whole chains.
Tensor noise_of(const std::string& name) {
  for (const Json& row : golden_json("samples.json")) {
    if (row["case"] != name) continue;
    Tensor out{{16, row["height"].get<int64_t>() / 8, row["width"].get<int64_t>() / 8}, {}};
    out.values.resize(out.shape.elements());
    TorchGenerator(row["seed"].get<uint64_t>()).normal(out.values);
    return out;
  }
  fail(ErrorKind::Internal, "no sample of case {}", name);
}

TEST_P(NextDit, VelocitiesEqualTheReferenceInF32) {
  const Golden text("text.safetensors"), golden("velocity.safetensors");
  double worst = 0;
  for (const TextCase& c : text_cases())
    for (const char* t : kTimes) {
      const Step run = step(noise_of(c.name), std::stof(t), text[c.name + "/gemma"], text[c.name + "/jina"], GetParam(),
                            Numbers::F32);
      const double error = max_error(run.step.output("velocity"), golden[c.name + "/t" + t].values);
      EXPECT_LE(error, kF32Bound) << c.name << " t " << t;
      worst = std::max(worst, error);
    }
  report("velocity f32", GetParam(), worst, kF32Bound);
}

TEST_P(NextDit, VelocitiesInBf16AreAsCloseAsPyTorchs) {
  const Golden text("text.safetensors"), golden("velocity.safetensors");
  double worst = 0;
  for (const TextCase& c : text_cases())
    for (const char* t : kTimes) {
      const std::string key = c.name + "/t" + t;
      const Step run = step(noise_of(c.name), std::stof(t), text[c.name + "/gemma.bf16"], text[c.name + "/jina.bf16"],
                            GetParam(), Numbers::BF16);
      const std::vector<float> want = golden[key].values;
      const double theirs = relative_rms(golden[key + ".bf16"].values, want);
      const double ours = relative_rms(run.step.output("velocity"), want);
      EXPECT_LE(ours, 1.5 * theirs) << key;
      worst = std::max(worst, ours / theirs);
    }
  report("velocity bf16 / PyTorch bf16", GetParam(), worst, 1.5);
}

TEST_P(NextDit, VelocitiesInInt8AreWithinFourPercent) {
  const Golden text("text.safetensors"), golden("velocity.safetensors");
  double worst = 0;
  for (const TextCase& c : text_cases())
    for (const char* t : kTimes) {
      const std::string key = c.name + "/t" + t;
      const Step run = step(noise_of(c.name), std::stof(t), text[c.name + "/gemma"], text[c.name + "/jina"], GetParam(),
                            Numbers::Int8);
      const double error = relative_rms(run.step.output("velocity"), golden[key].values);
      EXPECT_LE(error, 0.04) << key;
      worst = std::max(worst, error);
    }
  report("velocity int8", GetParam(), worst, 0.04);
}

INSTANTIATE_TEST_SUITE_P(Ways, NextDit, ::testing::ValuesIn(kWays), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace newbie::test
