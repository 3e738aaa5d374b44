// What is trained: targets, sizes, the start, and that a start changes nothing.
#include "train/adapters.h"

#include <gmock/gmock.h>

#include <cmath>

#include "../core/expect_error.h"
#include "graph/ops/linear.h"
#include "measure/full_size.h"
#include "models/next_dit/graph.h"
#include "support/close.h"
#include "support/graph_runner.h"
#include "train/loss_graph.h"

namespace newbie::test {
namespace {

size_t parameters(const AdapterPlan& plan) {
  size_t out = 0;
  for (const AdaptedModule& m : plan.modules) {
    if (m.kind == TrainingKind::Lokr) {
      const auto inner = static_cast<size_t>(m.rank == 0 ? m.inner_rows() * m.inner_columns()
                                                         : m.rank * (m.inner_rows() + m.inner_columns()));
      out += static_cast<size_t>(m.outer_rows * m.outer_columns) + inner;
    } else {
      out += static_cast<size_t>(m.rank * (m.rows + m.columns));
    }
  }
  return out;
}

}  // namespace

TEST(AdapterTargets, AreTheOfficial122) {
  const Graph g = next_dit(full_size().transformer, 4, 4, 4);
  const AdapterPlan plan = plan_adapters(g, {.rank = 8});
  EXPECT_EQ(plan.modules.size(), 122U);
  EXPECT_EQ(parameters(plan), 7'168'000U);
  EXPECT_EQ(parameters(plan_adapters(g, {.rank = 32})), 28'672'000U);
  EXPECT_EQ(parameters(plan_adapters(g, {.kind = TrainingKind::Lokr, .rank = 114514, .lokr_factor = 8})), 22'175'360U);
  ASSERT_EQ(plan.by_pattern.size(), 5U);
  EXPECT_EQ(plan.by_pattern[0].second, 40U);
  EXPECT_EQ(plan.by_pattern[4].second, 1U);
}

TEST(AdapterTargets, ArePatterns) {
  EXPECT_TRUE(names_module("attention.qkv", "layers.0.attention.qkv"));
  EXPECT_TRUE(names_module("layers.*.attention.*", "layers.11.attention.out"));
  EXPECT_TRUE(names_module("layers.4-9.feed_forward.w2", "layers.9.feed_forward.w2"));
  EXPECT_FALSE(names_module("layers.4-9.feed_forward.w2", "layers.10.feed_forward.w2"));
  EXPECT_FALSE(names_module("tention.qkv", "layers.0.attention.qkv"));
  EXPECT_FALSE(names_module("x.layers.0", "layers.0"));
}

// Case 32: each pattern must name something, or the nearest is told.
TEST(AdapterTargets, OneThatNamesNothingIsRefused) {
  const Graph g = next_dit(full_size().transformer, 4, 4, 4);
  try {
    plan_adapters(g, {.targets = {"attention.qkv", "attention.qvk"}});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_THAT(e.message(), ::testing::HasSubstr("attention.qvk"));
    EXPECT_THAT(e.hint(), ::testing::HasSubstr("attention.qkv"));
  }
  EXPECT_ERROR(plan_adapters(g, {.rank_pattern = {{"nothing", 4}}}), ErrorKind::InvalidRequest, "rank_pattern");
  EXPECT_ERROR(plan_adapters(g, {.rank = 0}), ErrorKind::InvalidRequest, "rank 0");
  EXPECT_ERROR(plan_adapters(g, {.alpha = NAN}), ErrorKind::InvalidRequest, "alpha nan");
}

TEST(AdapterTargets, RanksAndScalesByPattern) {
  const Graph g = next_dit(full_size().transformer, 4, 4, 4);
  const AdapterPlan plan = plan_adapters(g, {.rank = 16,
                                             .alpha = 8,
                                             .rslora = true,
                                             .rank_pattern = {{"attention.qkv", 4}, {"layers.3.attention.qkv", 64}},
                                             .alpha_pattern = {{"attention.qkv", 16}}});
  for (const AdaptedModule& m : plan.modules) {
    const bool qkv = m.name.ends_with("qkv");
    EXPECT_EQ(m.rank, m.name == "layers.3.attention.qkv" ? 64 : qkv ? 4 : 16) << m.name;
    EXPECT_DOUBLE_EQ(m.scale, (qkv ? 16.0 : 8.0) / std::sqrt(static_cast<double>(m.rank))) << m.name;
  }
}

TEST(LokrFactors, AreLycoris) {
  using P = std::pair<int64_t, int64_t>;
  EXPECT_EQ(lokr_factors(3840, -1), P(60, 64));
  EXPECT_EQ(lokr_factors(2304, -1), P(48, 48));
  EXPECT_EQ(lokr_factors(9216, -1), P(96, 96));
  EXPECT_EQ(lokr_factors(2048, -1), P(32, 64));
  EXPECT_EQ(lokr_factors(3840, 8), P(8, 480));
  EXPECT_EQ(lokr_factors(9216, 8), P(8, 1152));
  EXPECT_EQ(lokr_factors(7, 4), P(1, 7));
}

// At the start every kind computes what the network computes, and each formula is that of the matrix it stands for.
TEST(AdapterGraph, StartsAsTheNetworkAndAddsItsMatrix) {
  Graph g;
  g.output("y", linear(Scope(g) / "fc", g.input("x", {5, 24}), 16, true));
  MemoryWeights weights;
  const Tensor w = random_tensor({16, 24}, 1), bias = random_tensor({16}, 2);
  weights.add("fc.weight", w);
  weights.add("fc.bias", bias);
  const Tensor x = random_tensor({5, 24}, 3);
  const auto backend = make_reference_backend();
  const std::vector<float> plain = run_graph(g, *backend, weights, {{"x", x}}).output("y");

  for (TrainingKind kind : {TrainingKind::Lora, TrainingKind::Dora, TrainingKind::Lokr}) {
    for (int64_t rank : {2, 1000}) {
      if (kind != TrainingKind::Lokr && rank == 1000) continue;
      SCOPED_TRACE(fmt::format("{} rank {}", to_string(kind), rank));
      const AdapterPlan plan =
          plan_adapters(g, {.kind = kind, .targets = {"fc"}, .rank = rank, .alpha = 3, .lokr_factor = 4});
      const Graph adapted = attach_trained(g, plan.modules);
      Parameters trained = initial_parameters(plan.modules, weights, 7);
      const auto run = [&] {
        Tensors inputs{{"x", x}};
        if (kind == TrainingKind::Dora)
          inputs[dora_norm_input("fc")] = {{16}, inverse_row_norms(plan.modules[0], weights, trained)};
        return run_graph(adapted, *backend, TrainedWeights(weights, trained), inputs).output("y");
      };
      EXPECT_TRUE(within_relative(run(), plain, 1e-6));

      for (size_t i = 0; i < trained.all().size(); ++i)
        if (!trained.all()[i].name.ends_with("magnitude_vector"))
          trained.all()[i].values = random_tensor(trained.all()[i].shape, 20 + i).values;
      const AdaptedModule& m = plan.modules[0];
      const auto at = [&](const char* name, size_t row, size_t column) {
        const Parameter& p = *trained.find(std::string("fc.") + name);
        return static_cast<double>(p.values[row * static_cast<size_t>(p.shape.last()) + column]);
      };
      std::vector<double> v(16 * 24);  // W + s Δ
      for (size_t r = 0; r < 16; ++r)
        for (size_t c = 0; c < 24; ++c) {
          double delta = 0;
          if (kind == TrainingKind::Lokr) {
            const auto ir = static_cast<size_t>(m.inner_rows()), ic = static_cast<size_t>(m.inner_columns());
            double inner = 0;
            if (m.rank == 0)
              inner = at("lokr_w2", r % ir, c % ic);
            else
              for (size_t k = 0; k < static_cast<size_t>(m.rank); ++k)
                inner += at("lokr_w2_a", r % ir, k) * at("lokr_w2_b", k, c % ic);
            delta = at("lokr_w1", r / ir, c / ic) * inner;
          } else {
            for (size_t k = 0; k < static_cast<size_t>(m.rank); ++k)
              delta += at("lora_B.weight", r, k) * at("lora_A.weight", k, c);
          }
          v[r * 24 + c] = static_cast<double>(w.values[r * 24 + c]) + m.scale * delta;
        }
      std::vector<float> want;
      for (size_t s = 0; s < 5; ++s)
        for (size_t r = 0; r < 16; ++r) {
          double y = 0, squares = 0, norm = 0;
          for (size_t c = 0; c < 24; ++c) {
            y += static_cast<double>(x.values[s * 24 + c]) * v[r * 24 + c];
            squares += v[r * 24 + c] * v[r * 24 + c];
            norm += static_cast<double>(w.values[r * 24 + c]) * static_cast<double>(w.values[r * 24 + c]);
          }
          if (kind == TrainingKind::Dora) y *= std::sqrt(norm / squares);  // m is still ‖W‖
          want.push_back(static_cast<float>(y + static_cast<double>(bias.values[r])));
        }
      EXPECT_TRUE(within_relative(run(), want, 1e-5));
    }
  }
}

// Case 25: what does not lie on the way to the loss is said before the first step.
TEST(AdapterGraph, AWeightAsideOfTheLossIsRefused) {
  NextDitConfig small{.dim = 24,
                      .layers = 1,
                      .refiner_layers = 1,
                      .heads = 2,
                      .kv_heads = 1,
                      .head_size = 12,
                      .ffn = 16,
                      .conditioning = 8,
                      .caption_width = 10,
                      .pooled_width = 6,
                      .time_width = 8,
                      .latent_channels = 4,
                      .rope_axes = {4, 4, 4}};
  const Graph g = loss_graph(small, {3, 4, 4}, {});
  EXPECT_ERROR(training_graph(g, Parameters({{"norm_final.weight", {24}, std::vector<float>(24)}})),
               ErrorKind::InvalidRequest, "no weight");
}

}  // namespace newbie::test
