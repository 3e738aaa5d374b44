// Training against PyTorch: losses, gradients and ten optimizer steps of every kind of adapter, and all gradients of
// the whole network.
#include <algorithm>
#include <cmath>

#include "stages.h"
#include "train/learner.h"
#include "train/loss_network.h"
#include "train/objective.h"

namespace newbie::test {
namespace {

constexpr double kLossBound = 1e-5;      // relative
constexpr double kGradientBound = 1e-4;  // of a tensor's largest

// The two samples that every golden trains on.
struct Batch {
  Golden golden{"training/batch.safetensors"};
  Tensor latents = golden["latents"], features = golden["cap_feats"], mask = golden["cap_mask"],
         pooled = golden["pooled"], noise = golden["noise"], times = golden["t"];

  static std::span<const float> part(const Tensor& t, size_t index, size_t count) {
    const size_t n = t.values.size() / count;
    return std::span(t.values).subspan(index * n, n);
  }

  int64_t tokens(size_t which) const {
    const std::span<const float> row = part(mask, which, 2);
    return std::count_if(row.begin(), row.end(), [](float m) { return m != 0.0f; });
  }

  // Loss and gradients of sample `which` at step `step`.
  double run(LossNetwork& network, size_t step, size_t which, float loss_gradient, Tensors32& gradients) const {
    const FlowSample flow = flow_sample(part(latents, which, 2), part(noise, 2 * step + which, 20),
                                        static_cast<double>(times.values[2 * step + which]));
    const auto width = static_cast<size_t>(features.shape.last());
    const LossInput input{.shape = {tokens(which), latents.shape[2], latents.shape[3]},
                          .caption = part(features, which, 2).first(static_cast<size_t>(tokens(which)) * width),
                          .pooled = part(pooled, which, 2),
                          .noisy = flow.noisy,
                          .target = flow.target,
                          .time = flow.time};
    return network.run(input, loss_gradient, gradients);
  }
};

struct Trained {
  ThreadPool pool{2};
  Allocator allocator;
  std::unique_ptr<Backend> backend = make_cpu_backend();
  TrainingRuntime runtime{pool, allocator, *backend, PrecisionPolicy{.name = "f32"}};
};

Parameters parameters_of(const Golden& golden) {
  std::vector<Parameter> out;
  for (const std::string& name : golden.names("init/")) {
    const Tensor t = golden[name];
    out.push_back({name.substr(5), t.shape, t.values});
  }
  return Parameters(std::move(out));
}

struct Row {
  const char* file;
  AdapterOptions options;
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.file; }

const std::vector<Row> kRows{
    {"lora_rank4_alpha8", {.rank = 4, .alpha = 8}},
    {"lokr_factor8_full", {.kind = TrainingKind::Lokr, .rank = 100000, .lokr_factor = 8}},
    {"lokr_factor8_rank2_alpha1", {.kind = TrainingKind::Lokr, .rank = 2, .alpha = 1, .lokr_factor = 8}},
    {"dora_rank4_alpha8",
     {.kind = TrainingKind::Dora,
      .targets = {"layers.0.attention.qkv", "layers.2.attention.out", "layers.3.feed_forward.w2",
                  "clip_text_pooled_proj.1"},
      .rank = 4,
      .alpha = 8}}};

class Training : public ::testing::TestWithParam<Row> {};

}  // namespace

TEST_P(Training, TenStepsEqualPyTorchs) {
  const Row& row = GetParam();
  const Golden golden(fmt::format("training/{}.safetensors", row.file));
  const Json report = golden_json("training/report.json")[row.file];
  const Batch batch;
  Trained t;
  const Transformer& base = avatar_transformer();
  const AdapterPlan plan = plan_adapters(next_dit(base.sizes, 8, 16, 16), row.options);
  Learner learner({.lr = 1e-3}, parameters_of(golden));
  LossNetwork network(t.runtime, base, learner.parameters(), plan.modules);

  double worst_loss = 0, worst_gradient = 0, worst_weight = 0;
  for (size_t step = 0; step < 10; ++step) {
    SumTree sums;
    double loss = 0;
    for (size_t sample : {0, 1}) {
      Tensors32 gradients;
      loss += batch.run(network, step, sample, learner.loss_gradient(2), gradients) / 2;
      sums.add(std::move(gradients));
    }
    const double want = report["losses"][step].get<double>();
    EXPECT_NEAR(loss, want, kLossBound * want) << "step " << step;
    worst_loss = std::max(worst_loss, std::abs(loss - want) / want);
    Tensors32 sum = sums.take();
    if (step == 0)
      for (size_t i = 0; i < sum.size(); ++i) {
        const std::string name = "grad/" + learner.parameters().all()[i].name;
        if (!golden.has(name)) continue;
        const double error = max_error(sum[i], golden[name].values);
        EXPECT_LE(error, kGradientBound) << name;
        worst_gradient = std::max(worst_gradient, error);
      }
    const StepOutcome done = learner.step(std::move(sum));
    EXPECT_TRUE(done.taken);
    const double norm = report["grad_norms"][step].get<double>();
    EXPECT_NEAR(done.norm, norm, 10 * kGradientBound * norm) << "step " << step;
    network.parameters_changed();
  }
  for (const std::string& name : golden.names("after10/")) {
    const double error = max_error(learner.parameters().find(name.substr(8))->values, golden[name].values);
    EXPECT_LE(error, 10 * kGradientBound) << name;
    worst_weight = std::max(worst_weight, error);
  }
  newbie::test::report(fmt::format("{} loss", row.file), kCpu, worst_loss, kLossBound);
  newbie::test::report(fmt::format("{} gradient", row.file), kCpu, worst_gradient, kGradientBound);
  newbie::test::report(fmt::format("{} after 10", row.file), kCpu, worst_weight, 10 * kGradientBound);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Training, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.file); });

TEST(TrainingWhole, EveryGradientOfTheNetworkHasPyTorchsNorm) {
  const Json report = golden_json("training/report.json")["full"];
  const Batch batch;
  Trained t;
  const Transformer& base = avatar_transformer();
  const Parameters all = whole_network(next_dit(base.sizes, 8, 16, 16), base.weights);
  EXPECT_EQ(all.all().size(), report["grad_norm"].size());
  LossNetwork network(t.runtime, base, all, {});
  SumTree sums;
  double loss = 0;
  for (size_t sample : {0, 1}) {
    Tensors32 gradients;
    loss += batch.run(network, 0, sample, 0.5f, gradients) / 2;
    sums.add(std::move(gradients));
  }
  EXPECT_NEAR(loss, report["loss"].get<double>(), kLossBound * report["loss"].get<double>());
  const Tensors32 sum = sums.take();
  for (size_t i = 0; i < sum.size(); ++i) {
    const double want = report["grad_norm"].at(all.all()[i].name).get<double>();
    const double got = rms(sum[i]) * std::sqrt(static_cast<double>(sum[i].size()));
    EXPECT_NEAR(got, want, kGradientBound * want) << all.all()[i].name;
  }
}

// Case 28: on a bf16 base a change far below W's last bit has its gradients, as it is computed apart from W.
TEST(LokrInBf16, SmallFactorsKeepTheirGradients) {
  const Batch batch;
  Trained exact, narrow;
  narrow.runtime.policy = resolve_precision(PrecisionPreset::BF16, this_cpu()).policy;
  const Golden golden("training/lokr_factor8_full.safetensors");
  Parameters trained = parameters_of(golden);
  for (Parameter& p : trained.all())
    if (p.name.ends_with("lokr_w2"))
      for (size_t i = 0; i < p.values.size(); ++i) p.values[i] = i % 2 == 0 ? 1e-5f : -1e-5f;
  const AdapterOptions options{.kind = TrainingKind::Lokr, .rank = 100000, .lokr_factor = 8};
  const AdapterPlan plan = plan_adapters(next_dit(avatar_transformer().sizes, 8, 16, 16), options);
  Tensors32 want, got;
  LossNetwork in_f32(exact.runtime, avatar_transformer(), trained, plan.modules);
  LossNetwork in_bf16(narrow.runtime, avatar_transformer(), trained, plan.modules);
  batch.run(in_f32, 0, 0, 1.0f, want);
  batch.run(in_bf16, 0, 0, 1.0f, got);
  double both = 0, left = 0, right = 0;
  for (size_t t = 0; t < want.size(); ++t)
    for (size_t i = 0; i < want[t].size(); ++i) {
      both += static_cast<double>(want[t][i]) * static_cast<double>(got[t][i]);
      left += static_cast<double>(want[t][i]) * static_cast<double>(want[t][i]);
      right += static_cast<double>(got[t][i]) * static_cast<double>(got[t][i]);
    }
  // Some hundred bf16 roundings one after another, each of 2⁻⁸ of a value: an angle far below this.
  EXPECT_GT(both / std::sqrt(left * right), 0.99);
}

// What is made again is the same: fewer bytes held, equal bytes computed. Products come last.
TEST(TrainingMemory, RecomputationHoldsLessAndChangesNothing) {
  const Batch batch;
  Trained t;
  const Transformer& base = avatar_transformer();
  const Golden golden("training/lora_rank4_alpha8.safetensors");
  const Parameters trained = parameters_of(golden);
  const AdapterPlan plan = plan_adapters(next_dit(base.sizes, 8, 16, 16), {.rank = 4, .alpha = 8});
  LossNetwork whole(t.runtime, base, trained, plan.modules);
  Tensors32 want;
  const double loss = batch.run(whole, 0, 0, 1.0f, want);
  const SampleShape shape{batch.tokens(0), 16, 16};
  const size_t bytes = whole.plan(shape).arena_bytes;
  const auto flop = [&](LossNetwork& network) { return network.plan(shape).flop; };

  LossNetwork tight(t.runtime, base, trained, plan.modules, {.arena_bytes = bytes / 2});
  EXPECT_LE(tight.plan(shape).arena_bytes, bytes / 2);
  LossNetwork tightest(t.runtime, base, trained, plan.modules, {.arena_bytes = 0});
  EXPECT_LT(tightest.plan(shape).arena_bytes, bytes / 2);
  LossNetwork most(t.runtime, base, trained, plan.modules, {.recompute = true});
  EXPECT_LT(tightest.plan(shape).arena_bytes, most.plan(shape).arena_bytes);
  EXPECT_LT(most.plan(shape).arena_bytes, bytes);
  EXPECT_LT(flop(whole), flop(most));
  EXPECT_LT(flop(most), flop(whole) + (flop(tightest) - flop(whole)) * 3 / 4) << "w2 alone is a quarter";
  EXPECT_LT(flop(tight), flop(tightest));
  std::printf("[ measured ] arena %zu bytes, recomputed but for the few %zu, recomputed %zu; Mflop %.0f, %.0f, %.0f\n",
              bytes, most.plan(shape).arena_bytes, tightest.plan(shape).arena_bytes, flop(whole) / 1e6,
              flop(most) / 1e6, flop(tightest) / 1e6);
  for (LossNetwork* network : {&tight, &tightest, &most}) {
    Tensors32 got;
    EXPECT_EQ(batch.run(*network, 0, 0, 1.0f, got), loss);
    EXPECT_TRUE(got == want);
  }
}

}  // namespace newbie::test
