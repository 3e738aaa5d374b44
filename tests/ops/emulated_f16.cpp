// f16 where the CPU has none: values of f16 hardware, from the fast backend as from the plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "compile/precision.h"
#include "core/float_formats.h"
#include "graph/ops/all.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {
namespace {

constexpr OpPrecision kMatrix{DType::F16, DType::F16, DType::F32}, kNaive{DType::F16, DType::F16, DType::F16};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

float f16(double x) { return round_to(DType::F16, static_cast<float>(x)); }

// One op on inputs stored as f16, by both backends, which have to agree exactly unless `steps` roundings are allowed.
struct OneOp {
  Graph g;
  Tensors inputs;
  MemoryWeights weights;

  Value input(const std::string& name, const Tensor& t) {
    inputs[name] = t;
    const Value v = g.input(name, t.shape);
    g.node(v.id()).precision = kMatrix;
    return v;
  }
  Value weight(const std::string& name, const Tensor& t, DType dtype) {
    weights.add(name, t);
    const Value v = g.weight(name, t.shape);
    g.node(v.id()).precision = {dtype, dtype, DType::F32};
    return v;
  }
  std::vector<float> run(const Backend& backend, Value result, const OpPrecision& precision) {
    g.node(result.id()).precision = precision;
    if (g.outputs().empty()) g.output("y", result);
    return run_graph(g, backend, weights, inputs).output("y");
  }
};

TEST(EmulatedF16, AMatrixProductIsSummedInF32AndRoundedOnce) {
  OneOp op;
  const Value y =
      linear(op.input("x", random_tensor({70, 96}, 1)), op.weight("w", random_tensor({130, 96}, 2), DType::F16),
             op.weight("b", random_tensor({130}, 3), DType::F32));
  const std::vector<float> want = op.run(*make_reference_backend(), y, kMatrix);
  const std::vector<float> got = op.run(*make_cpu_backend(), y, kMatrix);
  EXPECT_TRUE(within_relative(got, want, gamma(1, DType::F16)));
  for (float v : got) EXPECT_EQ(v, f16(static_cast<double>(v)));
}

TEST(EmulatedF16, BeyondTheLargestNumberIsInfinity) {
  OneOp op;
  const Tensor x{{2, 32}, std::vector<float>(64, 64.0f)}, w{{2, 32}, std::vector<float>(64, 32.0f)};
  const Value y = linear(op.input("x", x), op.weight("w", w, DType::F16), {});
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
    const std::vector<float> got = op.run(*backend, y, kMatrix);
    for (float v : got) EXPECT_EQ(v, kInfinity) << backend->name() << ": 32 products of 2048 are 65536";
    const std::vector<float> wide = op.run(*backend, y, {DType::F32, DType::F16, DType::F32});
    for (float v : wide) EXPECT_EQ(v, 65536.0f);
  }
}

// 2048 is where f16 stops counting by ones.
TEST(EmulatedF16, ANarrowAccumulatorStopsCounting) {
  OneOp op;
  const Tensor ones{{1, 4096}, std::vector<float>(4096, 1.0f)};
  const Value y = linear(op.input("x", ones), op.weight("w", ones, DType::F16), {});
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
    EXPECT_EQ(op.run(*backend, y, kMatrix).at(0), 4096.0f) << backend->name();
    EXPECT_EQ(op.run(*backend, y, kNaive).at(0), 2048.0f) << backend->name();
  }
}

// Step by step as the formula says, each step rounded: written a second time here.
TEST(EmulatedF16, ANaiveNormRoundsEveryStep) {
  const Tensor x = random_tensor({5, 24}, 4, 3.0f), w = random_tensor({24}, 5, 0.2f, 1.0f);
  OneOp op;
  const Value y = rms_norm(op.input("x", x), op.weight("w", w, DType::F32), 1e-5, 0.0, "norm");
  std::vector<float> want;
  for (size_t row = 0; row < 5; ++row) {
    double squares = 0;
    for (size_t i = 0; i < 24; ++i) {
      const double v = f16(static_cast<double>(x.values[row * 24 + i]));
      squares = f16(squares + f16(v * v));
    }
    const double scale = f16(1.0 / f16(std::sqrt(f16(f16(squares / 24) + f16(1e-5)))));
    for (size_t i = 0; i < 24; ++i)
      want.push_back(
          f16(f16(f16(static_cast<double>(x.values[row * 24 + i])) * scale) * f16(static_cast<double>(w.values[i]))));
  }
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()})
    EXPECT_TRUE(same_bytes(op.run(*backend, y, kNaive), want)) << backend->name();
}

// The silent case: the square of 300 is no f16, its root's inverse is 0, and the result is finite and wrong.
TEST(EmulatedF16, ANaiveNormOverflowsSilently) {
  const Tensor x{{1, 16}, std::vector<float>(16, 300.0f)}, ones{{16}, std::vector<float>(16, 1.0f)};
  OneOp op;
  const Value y = rms_norm(op.input("x", x), op.weight("w", ones, DType::F32), 1e-5, 0.0, "norm");
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
    EXPECT_EQ(op.run(*backend, y, kNaive).at(0), 0.0f) << backend->name();
    EXPECT_NEAR(op.run(*backend, y, {DType::F16, DType::F32, DType::F32}).at(0), 1.0f, 1e-3f) << backend->name();
  }
}

TEST(EmulatedF16, AttentionRoundsItsProbabilities) {
  OneOp op;
  const Value q = op.input("q", random_tensor({40, 32}, 6)), k = op.input("k", random_tensor({50, 32}, 7)),
              v = op.input("v", random_tensor({50, 32}, 8));
  const Value y = attention(q, k, v, 2, 2, 0.25);
  const std::vector<float> want = op.run(*make_reference_backend(), y, kMatrix);
  const std::vector<float> got = op.run(*make_cpu_backend(), y, kMatrix);
  // Probabilities rounded before or after they are divided by their sum, and one rounding of the result.
  EXPECT_TRUE(within_relative(got, want, gamma(3, DType::F16)));
  const std::vector<float> exact = op.run(*make_reference_backend(), y, {DType::F16, DType::F32, DType::F32});
  EXPECT_FALSE(same_bytes(want, exact));
}

}  // namespace
}  // namespace newbie::test
