// Which rule wins, what presets say, and what devices choose.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "compile/precision.h"
#include "graph/ops/all.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {
namespace {

constexpr OpPrecision kF32{}, kF16{DType::F16, DType::F16, DType::F16}, kBF16{DType::BF16, DType::BF16, DType::BF16};

PrecisionRule rule(const char* glob, PrecisionChange change, RuleRank rank = RuleRank::User) {
  return {.path_glob = glob, .change = change, .rank = rank};
}

OpPrecision decided(const PrecisionPolicy& policy, const OpDef& op, const std::string& path) {
  return policy.decide(op, std::span(&path, 1)).precision;
}

TEST(PrecisionRules, TheMostSpecificWinsWhateverTheOrder) {
  std::vector<PrecisionRule> rules{rule("", kF16), rule("transformer.*", kBF16), rule("transformer.layers.7.*", kF32)};
  std::ranges::sort(rules, {}, &PrecisionRule::path_glob);
  do {
    const PrecisionPolicy p{.rules = rules};
    EXPECT_EQ(decided(p, linear_op, "vae.decoder.conv_in"), kF16);
    EXPECT_EQ(decided(p, linear_op, "transformer.layers.6.attention.out"), kBF16);
    EXPECT_EQ(decided(p, linear_op, "transformer.layers.7.attention.out"), kF32);
  } while (std::ranges::next_permutation(rules, {}, &PrecisionRule::path_glob).found);
}

TEST(PrecisionRules, PathThenOpThenClassThenOrder) {
  PrecisionPolicy p;
  p.rules = {{.change = kF16, .op = "linear"}, {.numeric_class = NumericClass::Matmul, .change = kBF16}};
  EXPECT_EQ(decided(p, linear_op, "transformer.x"), kF16) << "an op before its class";
  EXPECT_EQ(decided(p, batched_matmul_op, "transformer.x"), kBF16);
  p.rules.push_back(rule("transformer", kF32, RuleRank::Preset));
  EXPECT_EQ(decided(p, linear_op, "transformer.x"), kF32) << "a path before an op";
  p.rules = {rule("*.x", kF16), rule("*.x", kBF16)};
  EXPECT_EQ(decided(p, linear_op, "transformer.x"), kBF16) << "the later of equals";
  p.rules = {rule("", kF16, RuleRank::User), rule("transformer.x", kBF16, RuleRank::Preset)};
  EXPECT_EQ(decided(p, linear_op, "transformer.x"), kF16) << "a user's before a preset's";
}

TEST(PrecisionRules, StorageComputeAndAccumulateAreDecidedApart) {
  const PrecisionPolicy p{
      .rules = {rule("", kBF16), rule("*.w2", {std::nullopt, DType::F32}), rule("transformer.*", {DType::F16})}};
  EXPECT_EQ(decided(p, linear_op, "transformer.layers.0.feed_forward.w2"),
            (OpPrecision{DType::F16, DType::F32, DType::BF16}));
  const std::string path = "transformer.layers.0.feed_forward.w2";
  const PrecisionDecision d = p.decide(linear_op, std::span(&path, 1));
  EXPECT_EQ(d.storage_rule, &p.rules[2]);
  EXPECT_EQ(d.compute_rule, &p.rules[1]);
  EXPECT_EQ(d.accumulate_rule, &p.rules[0]);
}

TEST(PrecisionRules, AGlobWithoutAPartIsOfTheTransformer) {
  EXPECT_EQ(with_part("layers.7"), "transformer.layers.7");
  EXPECT_EQ(with_part("vae"), "vae");
  EXPECT_EQ(with_part("text_encoder.layers.*"), "text_encoder.layers.*");
  EXPECT_EQ(with_part("*.w2"), "*.w2");
  EXPECT_EQ(with_part("vae_like.x"), "transformer.vae_like.x");
}

TEST(PrecisionRules, ANamelessValueGoesByItsFirstReader) {
  Graph g;
  const Scope s(g);
  const Value x = g.input("x", {3, 8});
  const Value product = swiglu(linear(s / "w1", x, 16, false), linear(s / "w3", x, 16, false));
  g.output("y", linear(s / "w2", product, 8, false));
  const auto paths = policy_paths(g, "transformer");
  EXPECT_THAT(paths[static_cast<size_t>(product.id())], ::testing::ElementsAre("transformer.w2"));
}

// Rules of a user reach what fusing would hide.
TEST(PrecisionRules, ANormThatComputesOtherwiseIsNotFused) {
  Graph g;
  const Scope s(g);
  const Value x = g.input("x", {3, 8});
  g.output("y", modulate(rms_norm(s / "norm", x, 8, 1e-5), g.input("scale", {1, 8})));
  PrecisionRequest request(PrecisionPreset::F32);
  const auto ops = [&] {
    const CompileOptions options{.precision = resolve_precision(request, {.name = "any"}).policy,
                                 .part = "transformer"};
    return transform(g, options).str();
  };
  EXPECT_THAT(ops(), ::testing::HasSubstr("norm_modulate"));
  request.rules = {rule("transformer.norm", {std::nullopt, std::nullopt, DType::F16})};
  EXPECT_THAT(ops(), ::testing::Not(::testing::HasSubstr("norm_modulate")));
}

TEST(Autocast, TheRestFollowsItsInputs) {
  Graph g;
  const Scope s(g);
  const Value x = g.input("x", {3, 8}), low = linear(s / "a", x, 8, false);
  const Value activated = silu(low), wide = silu(x), sum = add(low, x), norm = layer_norm(low, 1e-5);
  for (const Value& v : {activated, wide, sum, norm}) g.output("y", v);
  for (const bool cuda : {true, false}) {
    const DType d = cuda ? DType::F16 : DType::BF16;
    const PrecisionPreset preset = cuda ? PrecisionPreset::AutocastCuda : PrecisionPreset::AutocastCpu;
    const Graph out = decide_precision(g, preset_policy(preset, d), "transformer");
    const auto stored = [&](Value v) { return out.node(v.id()).precision.storage; };
    EXPECT_EQ(stored(low), d);
    EXPECT_EQ(stored(activated), d);
    EXPECT_EQ(stored(wide), DType::F32);
    EXPECT_EQ(stored(sum), DType::F32) << "f16 and f32 promote to f32";
    EXPECT_EQ(stored(norm), cuda ? DType::F32 : d) << "on CUDA layer norms are f32, on CPU they follow";
  }
}

TEST(Presets, EveryOneIsFoundByItsNamesAndRuns) {
  for (const PrecisionPresetRow& row : precision_presets()) {
    EXPECT_EQ(find_precision_preset(row.name), row.preset);
    if (row.other_name != nullptr) {
      EXPECT_EQ(find_precision_preset(row.other_name), row.preset);
    }
    const Resolution r = resolve_precision(row.preset, {.name = "any", .native_bf16 = true});
    EXPECT_NE(r.preset, PrecisionPreset::Auto);
    EXPECT_GE(r.reasons.size(), 2U);
    EXPECT_EQ(r.emulated, r.policy.dtype == DType::F16 || r.policy.dtype == DType::I8);
  }
  EXPECT_EQ(find_precision_preset("quarter"), std::nullopt);
}

TEST(Presets, PoliciesAreToldApartByTheirHash) {
  std::set<std::string> seen;
  for (const PrecisionPresetRow& row : precision_presets())
    if (row.preset != PrecisionPreset::Auto) seen.insert(resolve_precision(row.preset, {.name = "a"}).policy.hash());
  // On a device without 16-bit arithmetic "fast" has no rules either; its name differs.
  EXPECT_EQ(seen.size(), precision_presets().size() - 1);
  PrecisionRequest request(PrecisionPreset::BF16);
  const std::string plain = resolve_precision(request, {.name = "a"}).policy.hash();
  EXPECT_EQ(resolve_precision(request, {.name = "another"}).policy.hash(), plain);
  request.rules = {rule("vae", kF32)};
  EXPECT_NE(resolve_precision(request, {.name = "a"}).policy.hash(), plain);
}

TEST(Presets, ADTypeThatIsNotForThePresetIsRefused) {
  const DeviceCaps device{.name = "any"};
  const auto resolves = [&](PrecisionPreset preset, DType dtype) {
    try {
      return resolve_precision({preset, dtype}, device).policy.dtype == dtype;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::InvalidRequest);
      return false;
    }
  };
  EXPECT_TRUE(resolves(PrecisionPreset::Auto, DType::F16));
  EXPECT_TRUE(resolves(PrecisionPreset::Fast, DType::F16));
  EXPECT_TRUE(resolves(PrecisionPreset::AutocastCuda, DType::BF16));
  EXPECT_FALSE(resolves(PrecisionPreset::F32, DType::BF16));
  EXPECT_FALSE(resolves(PrecisionPreset::F16Safe, DType::BF16));
  EXPECT_FALSE(resolves(PrecisionPreset::Auto, DType::F8E5M2));
}

TEST(Devices, TheTableDecides) {
  const auto chosen = [](const DeviceCaps& device) {
    return resolve_precision(PrecisionPreset::Auto, device).policy.dtype;
  };
  for (const CpuRow& row : known_cpus()) {
    const std::string_view name = row.name;
    const bool bf16 = name.ends_with("AMX-BF16") || name.ends_with("AVX512-BF16") || name.ends_with("and bf16");
    EXPECT_EQ(chosen({row.name, row.native_bf16, row.native_f16, row.native_int8}), bf16 ? DType::BF16 : DType::F32)
        << name;
  }
  EXPECT_EQ(chosen(accelerator(6, 1)), DType::F16);
  EXPECT_EQ(chosen(accelerator(7, 5)), DType::F16);
  EXPECT_EQ(chosen(accelerator(8, 0)), DType::BF16);
  EXPECT_EQ(chosen(accelerator(9, 0)), DType::BF16);
  EXPECT_EQ(chosen({.name = "no accelerator"}), DType::F32);
  EXPECT_FALSE(this_cpu().name.empty());
}

}  // namespace
}  // namespace newbie::test
