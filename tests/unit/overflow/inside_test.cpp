// Numbers inside ops, against their formulas; what is counted of every value.
#include "overflow/inside.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ops/all.h"
#include "overflow/absolute_sums.h"
#include "overflow/range_trace.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {
namespace {

TEST(Inside, RmsNormsAddSquaresOfTheirGroups) {
  ThreadPool pool(2);
  const std::vector<float> x{1, -2, 3, 4, 0, 0, -6, 1};
  const NormSums sums = rms_norm_sums(x, 4, pool);
  EXPECT_EQ(sums.square, 36);
  EXPECT_EQ(sums.square_sum, 37);
  EXPECT_EQ(sums.sum, 0);
  EXPECT_EQ(rms_norm_sums(x, 2, pool).square_sum, 37);
}

TEST(Inside, LayerNormsSubtractTheMean) {
  ThreadPool pool(2);
  const NormSums sums = layer_norm_sums(std::vector<float>{10, 12, 14, 8, -1, 1, -1, 1}, 4, pool);
  EXPECT_EQ(sums.sum, 44);         // 10 + 12 + 14 + 8
  EXPECT_EQ(sums.square, 9);       // 14 and 8 to 11
  EXPECT_EQ(sums.square_sum, 20);  // 1 + 1 + 9 + 9
}

TEST(Inside, GroupNormsGoOverAllPixels) {
  ThreadPool pool(2);
  // Two pixels of four channels in two groups: {1, 3, 5, 7} and {0, 0, 8, 0}.
  const NormSums sums = group_norm_sums(std::vector<float>{1, 3, 0, 0, 5, 7, 8, 0}, 4, 2, pool);
  EXPECT_EQ(sums.sum, 16);
  EXPECT_EQ(sums.square, 36);      // 8 to the mean 2
  EXPECT_EQ(sums.square_sum, 48);  // 4 + 4 + 36 + 4
}

TEST(Inside, ProductsOfRowsThatAreSeen) {
  ThreadPool pool(2);
  const int64_t rows = 5, heads = 4, kv_heads = 2, d = 19;
  const Tensor q = random_tensor({rows, heads * d}, 1), k = random_tensor({rows, kv_heads * d}, 2);
  for (const auto& [causal, window] : {std::pair{false, 0}, std::pair{true, 0}, std::pair{true, 2}}) {
    double product = 0, absolute = 0;
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < rows; ++j) {
          if (causal && (j > i || (window > 0 && j <= i - window))) continue;
          double sum = 0, size = 0;
          for (int64_t c = 0; c < d; ++c) {
            const double one = static_cast<double>(q.values[static_cast<size_t>((i * heads + h) * d + c)]) *
                               k.values[static_cast<size_t>((j * kv_heads + h / 2) * d + c)];
            sum += one;
            size += std::abs(one);
          }
          product = std::max(product, std::abs(sum));
          absolute = std::max(absolute, size);
        }
    const ProductSums got = largest_products(q.values, k.values, {heads, kv_heads, d, causal, window}, true, pool);
    const double bound = gamma(static_cast<double>(d), DType::F32) * absolute;
    EXPECT_NEAR(got.product, product, bound);
    EXPECT_NEAR(got.absolute, absolute, bound);
    EXPECT_EQ(largest_products(q.values, k.values, {heads, kv_heads, d, causal, window}, false, pool).product,
              got.product);
  }
}

TEST(Inside, AbsoluteSumsOfMatricesAndConvolutions) {
  ThreadPool pool(2);
  Graph g;
  const Value x = g.input("x", {4, 5, 16});
  const Value y = conv2d(Scope(g, "conv"), x, 8, 3, 1, {1, 1, 1, 1});
  g.output("z", linear(Scope(g, "matrix"), y, 12, false));
  MemoryWeights weights;
  weights.add("conv.weight", random_tensor({8, 16, 3, 3}, 3));
  weights.add("conv.bias", random_tensor({8}, 4));
  weights.add("matrix.weight", random_tensor({12, 8}, 5));
  const Tensor in = random_tensor({4, 5, 16}, 6);

  const auto absolute = [](Tensor t) {
    for (float& v : t.values) v = std::abs(v);
    return t;
  };
  MemoryWeights positive;
  for (const char* name : {"conv.weight", "conv.bias", "matrix.weight"}) {
    Tensor t{weights.find(name)->shape, std::vector<float>(weights.find(name)->shape.elements())};
    weights.read(name, DType::F32, reinterpret_cast<std::byte*>(t.values.data()));
    positive.add(name, absolute(t));
  }
  const auto backend = make_reference_backend();
  const RunResult want = execute(g, *backend, {.fuse = false}, positive, {{"x", absolute(in)}}, true);
  const double largest = *std::ranges::max_element(want.path("conv"));

  AbsoluteSums sums(pool);
  sums.add("part", g, y.id(), weights);
  const double bound = gamma(sum_steps(144) + 1, DType::F32) * largest;
  EXPECT_NEAR(sums.largest("part", g, y.id(), in.values), largest, bound);
  EXPECT_NEAR(sums.largest("part", g, y.id(), in.values), largest, bound) << "once more, from what is kept";
  EXPECT_THROW(sums.largest("part", g, g.outputs()[0].id, want.path("conv")), Error) << "never added";
}

TEST(Ranges, LimitsAndHeadroom) {
  EXPECT_EQ(largest_of(DType::F16), 65504.0);
  EXPECT_EQ(largest_of(DType::BF16), 0x1.FEp127);
  EXPECT_EQ(headroom_bits(65504.0 / 8, DType::F16), 3.0);
  EXPECT_EQ(headroom_bits(4 * 65504.0, DType::F16), -2.0);
  EXPECT_EQ(headroom_bits(0, DType::F16), std::numeric_limits<double>::infinity());
}

// A graph run with a trace, as generate/network.cpp does it.
TEST(RangeTrace, CountsWhatF16CannotKeep) {
  Graph g;
  g.output("y", relu(g.input("x", {8})));
  CompileOptions options{.part = "transformer", .name_all = true};
  const Graph transformed = transform(g, options);
  const auto backend = make_reference_backend();
  const Program program(transformed, *backend, 1);
  MemoryWeights none;
  RangeTrace trace(1, {});
  trace.on_graph("transformer", transformed, program, none);
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x{1e5F, 0x1p-14F, 0x1.8p-15F, 0x1p-25F, 0x1p-26F, 0, 3, 0x1.000002p-25F};
  const TensorSpec spec{{8}, DType::F32};
  Bindings b;
  b.inputs["x"] = {spec, reinterpret_cast<const std::byte*>(x.data())};
  trace.at_prompt(2);
  trace.on_run({.evaluation = 5}, "transformer", program, b);
  const std::vector<float> y{1, inf, 1, 1, 1, 1, 1, 1};
  trace.on_value({.evaluation = 6}, "transformer", transformed.node(1).paths.front(),
                 {spec, reinterpret_cast<const std::byte*>(y.data())});

  const ValueRange* in = trace.find("transformer.x");
  ASSERT_NE(in, nullptr);
  EXPECT_EQ(in->largest, 1e5F);
  EXPECT_EQ(in->count, 8U);
  EXPECT_EQ(in->subnormal, 2U) << "2^-14 is normal; 1.5 * 2^-15, and what rounds up to the smallest subnormal";
  EXPECT_EQ(in->vanish, 2U) << "2^-25 rounds to even, which is 0";
  EXPECT_EQ(in->when.prompt, 2);
  EXPECT_EQ(in->when.evaluation, 5);
  ASSERT_TRUE(trace.first_bad());
  EXPECT_EQ(trace.first_bad()->name(), "transformer." + transformed.node(1).paths.front());
  EXPECT_EQ(trace.first_bad()->when.evaluation, 6);
  EXPECT_EQ(trace.find(trace.first_bad()->name())->largest, 1.0) << "of the finite ones";
}

}  // namespace
}  // namespace newbie::test
