// The autoencoder against the reference: decoder, encoder, and paths inside.
#include "models/flux_vae/graph.h"
#include "stages.h"

namespace newbie::test {
namespace {

class FluxVae : public ::testing::TestWithParam<Way> {};

Tensor raw_latent(const Golden& golden) {
  Tensor z = golden["latent"];
  const FluxVaeConfig& c = avatar_vae().sizes;
  for (float& v : z.values) v = v / static_cast<float>(c.scaling_factor) + static_cast<float>(c.shift_factor);
  return z;
}

RunResult decode(const Golden& golden, const Way& way, Numbers numbers, bool observe = false) {
  const Tensor z = raw_latent(golden);
  return run_stage(flux_vae_decoder(avatar_vae().sizes, z.shape[1], z.shape[2]), avatar_vae(), "vae", way, numbers,
                   {{"latent", z}}, observe);
}

void expect_paths(const Golden& golden, const RunResult& run, const std::string& side, const Way& way) {
  double worst = 0;
  for (const std::string& name : golden.names("path/" + side)) {
    const double error = max_error(run.path(name.substr(5)), channels_last(golden[name]).values);
    EXPECT_LE(error, kF32Bound) << name;
    worst = std::max(worst, error);
  }
  report("vae " + side + " paths f32", way, worst, kF32Bound);
}

TEST_P(FluxVae, DecodingEqualsTheReference) {
  const Golden golden("vae.safetensors");
  const RunResult run = decode(golden, GetParam(), Numbers::F32, true);
  const double error = max_error(run.output("picture"), channels_last(golden["decoded"]).values);
  EXPECT_LE(error, kF32Bound);
  report("vae decode f32", GetParam(), error, kF32Bound);
  expect_paths(golden, run, "decoder", GetParam());
}

TEST_P(FluxVae, EncodingEqualsTheReference) {
  const Golden golden("vae.safetensors");
  Tensor picture = golden["picture"];
  for (float& v : picture.values) v = v / 127.5f - 1.0f;
  const RunResult run = run_stage(flux_vae_encoder(avatar_vae().sizes, picture.shape[0], picture.shape[1]),
                                  avatar_vae(), "vae", GetParam(), Numbers::F32, {{"picture", picture}}, true);
  const std::vector<float>& moments = run.output("moments");
  const std::span<const float> all(moments);
  const double mean = max_error(all.first(all.size() / 2), golden["encode/mean"].values);
  const double logvar = max_error(all.last(all.size() / 2), golden["encode/logvar"].values);
  EXPECT_LE(mean, kF32Bound);
  EXPECT_LE(logvar, kF32Bound);
  report("vae encode f32", GetParam(), std::max(mean, logvar), kF32Bound);
  expect_paths(golden, run, "encoder", GetParam());
}

TEST_P(FluxVae, DecodingInBf16IsAsCloseAsPyTorchs) {
  const Golden golden("vae.safetensors");
  const std::vector<float> want = channels_last(golden["decoded"]).values;
  const double theirs = relative_rms(channels_last(golden["decoded.bf16"]).values, want);
  const double ours = relative_rms(decode(golden, GetParam(), Numbers::BF16).output("picture"), want);
  EXPECT_LE(ours, 1.5 * theirs);
  report("vae decode bf16 / PyTorch bf16", GetParam(), ours / theirs, 1.5);
}

INSTANTIATE_TEST_SUITE_P(Ways, FluxVae, ::testing::ValuesIn(kWays), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace newbie::test
