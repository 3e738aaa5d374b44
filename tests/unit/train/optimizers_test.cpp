// Optimizers against their formulas, written a second time, and what each promises.
#include <gmock/gmock.h>

#include <cmath>

#include "support/tensors.h"
#include "train/clip.h"
#include "train/optimizer.h"
#include "train/optimizers/adamw8bit.h"
#include "train/optimizers/dynamic_codes.h"

namespace newbie::test {
namespace {

Parameters one(const Shape& shape, uint64_t seed, const char* name = "w") {
  return Parameters({{name, shape, random_tensor(shape, seed).values}});
}

// Steps on f(w) = Σ (w − 3)² / 2 at a rate that falls to 0: long enough to come from anywhere near, too short at its
// end to swing past. How far from 3 the weights are then, at most.
double distance_after(OptimizerKind kind, const Shape& shape) {
  constexpr int kSteps = 800;
  constexpr double kFirstRate = 0.05;
  Parameters p = one(shape, 1);
  Optimizer optimizer({.kind = kind, .adamw = {.weight_decay = 0}, .lion = {.weight_decay = 0}}, p);
  for (int i = 0; i < kSteps; ++i) {
    Tensors32 g(1);
    for (float w : p.all()[0].values) g[0].push_back(w - 3.0f);
    optimizer.step(p, g, kFirstRate * (1.0 - static_cast<double>(i) / kSteps));
  }
  double worst = 0;
  for (float w : p.all()[0].values) worst = std::max(worst, std::abs(static_cast<double>(w) - 3.0));
  return worst;
}

}  // namespace

TEST(Optimizers, EachFindsTheLowestPoint) {
  const Shape shape{64, 96};  // 6144 numbers: above kFewestCoded
  for (const OptimizerKind kind :
       {OptimizerKind::AdamW, OptimizerKind::AdamW8bit, OptimizerKind::Lion, OptimizerKind::Adafactor})
    EXPECT_LT(distance_after(kind, shape), 0.05) << to_string(kind);  // a step of the first rate
}

// Chen et al. 2023: only the sign of the mean moves a weight; decay is apart.
TEST(Optimizers, LionMovesByItsSign) {
  std::vector<float> w{1.0f, -1.0f}, m{0.0f, 0.0f};
  const std::vector<float> g{0.3f, -20.0f};
  lion(w, g, m, {.beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.1}, 0.01);
  EXPECT_NEAR(w[0], 1.0 - 0.01 * (1 + 0.1), 1e-7);
  EXPECT_NEAR(w[1], -1.0 - 0.01 * (-1 - 0.1), 1e-7);
  EXPECT_NEAR(m[1], -0.2, 1e-6);
}

// With row means R and column means C of squares, v = R Cᵀ / mean(R): exact where squares are a product.
TEST(Optimizers, AdafactorIsExactOnSquaresOfRankOne) {
  const std::vector<float> rows{1.0f, 2.0f, 4.0f}, columns{1.0f, 3.0f};
  std::vector<float> g, w(6, 0.0f), state(adafactor_state(3, 2)), room(6);
  for (float r : rows)
    for (float c : columns) g.push_back(r * c);
  adafactor(w, g, 3, 2, state, room, {}, 0.1, 1);  // at step 1 the old means count nothing
  for (float x : w) EXPECT_NEAR(x, -0.1, 1e-6);    // g / √g² = 1
}

TEST(DynamicCodes, AreTheOnesOfThePaper) {
  const auto& both = dynamic_codes(CodeSign::Signed);
  const auto& positive = dynamic_codes(CodeSign::Unsigned);
  EXPECT_TRUE(std::is_sorted(both.begin(), both.end()));
  EXPECT_TRUE(std::is_sorted(positive.begin(), positive.end()));
  EXPECT_EQ(std::count(both.begin(), both.end(), 0.0f), 1);
  EXPECT_EQ(both.back(), 1.0f);
  EXPECT_EQ(positive.front(), 0.0f);
  EXPECT_FLOAT_EQ(positive[1], 1e-6f * 0.325f);  // the first of two fractions of the least decade
}

TEST(DynamicCodes, ABlockComesBackWithinAFraction) {
  std::vector<float> values = random_tensor({256}, 3).values, back(256);
  std::vector<uint8_t> codes(256);
  const float scale = encode_block(values, CodeSign::Signed, codes);
  decode_block(codes, CodeSign::Signed, scale, back);
  for (size_t i = 0; i < values.size(); ++i) {
    // Half of one of 64 parts of [0.1, 1] of the largest; all other decades are finer.
    EXPECT_NEAR(back[i], values[i], 1.001 * 0.45 / 64 * static_cast<double>(scale)) << i;
  }
  std::vector<float> zeros(7, 0.0f), out(7, 1.0f);
  const float none = encode_block(zeros, CodeSign::Unsigned, std::span(codes).first(7));
  decode_block(std::span(codes).first(7), CodeSign::Unsigned, none, out);
  EXPECT_THAT(out, ::testing::Each(0.0f));
}

TEST(Optimizers, SmallTensorsOf8BitsAreKeptWhole) {
  const Optimizer small({.kind = OptimizerKind::AdamW8bit}, one({63, 65}, 1));
  EXPECT_EQ(small.states().size(), 2U);
  const Optimizer large({.kind = OptimizerKind::AdamW8bit}, one({64, 64}, 1));
  ASSERT_EQ(large.states().size(), 4U);
  EXPECT_EQ(large.states()[0].bytes.size(), 4096U);
}

// Case 27: in f32 an update of a millionth is not lost.
TEST(Optimizers, SmallUpdatesAddUp) {
  Parameters p({{"w", {1}, {1.0f}}});
  Optimizer optimizer({.adamw = {.weight_decay = 0}}, p);
  for (int i = 0; i < 2000; ++i) optimizer.step(p, {{1.0f}}, 1e-6);
  EXPECT_NEAR(p.all()[0].values[0], 1.0 - 2000e-6, 1e-4);
  EXPECT_EQ(optimizer.steps(), 2000);
}

TEST(Optimizers, NamesAreFoundWhateverTheirCase) {
  EXPECT_EQ(find_optimizer_kind("adamw8bit"), OptimizerKind::AdamW8bit);
  EXPECT_EQ(find_optimizer_kind("Lion"), OptimizerKind::Lion);
  EXPECT_EQ(find_optimizer_kind("Adam"), std::nullopt);
}

TEST(Clipping, IsPyTorchs) {
  const Tensors32 g{{3.0f}, {0.0f, 4.0f}};
  EXPECT_DOUBLE_EQ(global_norm(g), 5.0);
  EXPECT_DOUBLE_EQ(clip_factor(5.0, 1.0), 1.0 / (5.0 + 1e-6));
  EXPECT_EQ(clip_factor(0.5, 1.0), 1.0);
  EXPECT_EQ(clip_factor(5.0, 0.0), 1.0);
  std::vector<float> mean{1.0f};
  move_average(mean, std::vector<float>{2.0f}, 0.75);
  EXPECT_EQ(mean[0], 1.25f);
}

}  // namespace newbie::test
