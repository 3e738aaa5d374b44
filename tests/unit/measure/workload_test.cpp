// Workloads: every network runs on made-up weights, the same way each time, and says what it costs.
#include "measure/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "measure/full_size.h"

namespace newbie::test {
namespace {

constexpr size_t kPlenty = size_t{1} << 34;

// Small sizes with the shape of the real ones.
ModelSizes small() {
  ModelSizes m = full_size();
  m.transformer.dim = 96;
  m.transformer.layers = 3;
  m.transformer.heads = 4;
  m.transformer.kv_heads = 2;
  m.transformer.head_size = 24;
  m.transformer.ffn = 128;
  m.transformer.conditioning = 64;
  m.transformer.caption_width = 48;
  m.transformer.pooled_width = 32;
  m.transformer.rope_axes = {8, 8, 8};
  m.text_encoder.vocabulary = 50;
  m.text_encoder.width = 48;
  m.text_encoder.layers = 4;
  m.text_encoder.heads = 2;
  m.text_encoder.kv_heads = 1;
  m.text_encoder.head_size = 32;
  m.text_encoder.ffn = 64;
  m.text_encoder.global = {false, true, false, false};
  m.clip_model = {.vocabulary = 40, .width = 32, .layers = 2, .heads = 2, .ffn = 64};
  m.vae.channels = {32, 32, 64, 64};
  return m;
}

class Steps final : public StepClock {
 public:
  void on_step(const StepInfo& step, Clock::time_point start, Clock::time_point end) override {
    ++count;
    flop += step.flop;
    EXPECT_LE(start, end);
    EXPECT_FALSE(step.kernel.empty());
  }
  int count = 0;
  double flop = 0;
};

TEST(Workload, EveryNetworkRunsAndIsFinite) {
  const auto backend = make_cpu_backend();
  for (const Work work : {Work::Step, Work::Train, Work::Text, Work::Clip, Work::Decode, Work::Encode}) {
    SCOPED_TRACE(to_string(work));
    Workload load({.work = work, .width = 64, .height = 32, .tokens = 11, .lora_rank = work == Work::Train ? 4 : 0},
                  small(), {.threads = 2, .precision = {.name = "f32"}, .backend = backend.get()}, kPlenty);
    load.run();
    const double once = load.largest_output();
    EXPECT_TRUE(std::isfinite(once));
    EXPECT_GT(once, 0);
    Steps steps;
    load.run(&steps);
    EXPECT_EQ(load.largest_output(), once);
    EXPECT_GT(steps.count, 5);
    EXPECT_EQ(steps.flop, load.flop());
    EXPECT_GT(load.weight_bytes(), 0u);
    EXPECT_GE(load.planned_bytes(), load.allocated_bytes());
  }
}

TEST(Workload, LayersCostWhatTheirMatricesDo) {
  const auto backend = make_cpu_backend();
  const ModelSizes m = small();
  const auto flop = [&](int64_t layers) {
    return Workload({.work = Work::Step, .width = 64, .height = 32, .tokens = 11, .layers = layers}, m,
                    {.threads = 1, .precision = {.name = "f32"}, .backend = backend.get()}, kPlenty)
        .flop();
  };
  const double rows = 11 + 4 * 2, dim = 96, q = 96, kv = 48, ffn = 128, conditioning = 64;
  const double layer =
      2 * rows * (dim * (q + 2 * kv) + q * dim + 3 * dim * ffn) + 4 * rows * rows * q + 2 * conditioning * 4 * dim;
  EXPECT_DOUBLE_EQ(flop(2) - flop(1), layer);
}

// The way back takes the products of the way there again for what they were made of, but for frozen weights; what is
// computed again is the same.
TEST(Workload, RecomputingCostsArithmeticAndSavesMemory) {
  const auto backend = make_cpu_backend();
  const auto load = [&](bool recompute) {
    return Workload(
        {.work = Work::Train, .width = 64, .height = 32, .tokens = 11, .lora_rank = 4, .recompute = recompute}, small(),
        {.threads = 1, .precision = {.name = "f32"}, .backend = backend.get()}, kPlenty);
  };
  Workload kept = load(false), again = load(true);
  EXPECT_GT(again.flop(), kept.flop());
  EXPECT_LT(again.flop(), 1.5 * kept.flop());
  EXPECT_LT(again.planned_bytes(), kept.planned_bytes());
  kept.run();
  again.run();
  EXPECT_EQ(kept.largest_output(), again.largest_output());
}

TEST(Workload, RefusesWhatDoesNotFit) {
  const auto backend = make_cpu_backend();
  const WorkloadOptions options{.threads = 1, .precision = {.name = "f32"}, .backend = backend.get()};
  const auto kind = [&](const WorkloadSpec& spec, size_t bytes) {
    try {
      Workload(spec, small(), options, bytes);
    } catch (const Error& e) {
      return std::optional(e.kind());
    }
    return std::optional<ErrorKind>();
  };
  EXPECT_EQ(kind({.width = 60, .height = 32}, kPlenty), ErrorKind::InvalidRequest);
  EXPECT_EQ(kind({.width = 64, .height = 32, .tokens = 0}, kPlenty), ErrorKind::InvalidRequest);
  EXPECT_EQ(kind({.work = Work::Train, .width = 64, .height = 32}, kPlenty), ErrorKind::InvalidRequest);
  EXPECT_EQ(kind({.width = 64, .height = 32}, 1000), ErrorKind::OverBudget);
}

// spec/gemma3.md §1: every sixth layer is global.
TEST(Workload, FullSizeIsThePublishedSize) {
  const ModelSizes m = full_size();
  EXPECT_EQ(m.transformer.heads * m.transformer.head_size, m.transformer.dim);
  EXPECT_EQ(m.text_encoder.global.size(), 34u);
  EXPECT_EQ(std::count(m.text_encoder.global.begin(), m.text_encoder.global.end(), true), 5);
  EXPECT_TRUE(m.text_encoder.global[5]);
}

}  // namespace
}  // namespace newbie::test
