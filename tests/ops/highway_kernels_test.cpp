// Our vector kernels by themselves, once per instruction set that this machine has: against the reference, for every
// mix of dtypes they take, and their functions over the whole range of floats.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string_view>

#include "backend/cpu/kernels/elementwise.h"
#include "backend/cpu/kernels/embedding.h"
#include "backend/cpu/kernels/group_norm.h"
#include "backend/cpu/kernels/highway_targets.h"
#include "backend/cpu/kernels/kernels.h"
#include "core/float_formats.h"
#include "graph/ops/all.h"
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

// Only our own factories, and no other kernel behind them.
class VectorKernels final : public HostBackend {
 public:
  std::string name() const override { return "vector kernels"; }
  std::shared_ptr<const HostKernel> make_host_kernel(const KernelRequest& request,
                                                     std::string* why_not) const override {
    for (auto make : {cpu::make_linear, cpu::make_rms_norm, cpu::make_layer_norm, cpu::make_group_norm, cpu::make_rope,
                      cpu::make_map, cpu::make_combination, cpu::make_modulation, cpu::make_embedding,
                      cpu::make_row_sums, cpu::make_norm_gradient, cpu::make_softmax})
      if (auto kernel = make(request, why_not)) return kernel;
    return cpu::make_copy(request, why_not);
  }
};

// Whether the kernels promise to take this op on these operands, whose dtypes are all f32 or bf16.
bool is_ours(const OpCase& c) {
  for (const OpDef* op : {&batched_matmul_op, &conv2d_op, &banded_conv2d_op, &max_pool2d_op, &average_pool2d_op,
                          &attention_op, &timestep_embedding_op})
    if (c.op == op) return false;
  // Products of the way back are the matrix library's; what is small there, or drawn, is the reference's.
  for (const OpDef* op : {&linear_transposed_op, &batched_outer_op, &squared_error_op, &squared_error_gradient_op,
                          &pad_columns_op, &pad_rows_op, &dropout_op})
    if (c.op == op) return false;
  if (c.op == &permute_op) {
    const std::vector<int64_t> axes = Attrs(c.attrs).list("axes");
    return axes.back() + 1 == static_cast<int64_t>(axes.size());
  }
  // A scale or gate is one row.
  for (const OpDef* op : {&modulate_op, &gated_residual_op, &norm_modulate_op, &norm_gated_residual_op})
    if (c.op == op) {
      const Shape& x = c.operands[0].tensor.shape;
      return c.operands.back().tensor.shape.elements() == static_cast<size_t>(x.last());
    }
  return true;
}

// The case with values that bf16 holds, so that a mix of dtypes means the same numbers.
OpCase in_bf16_values(OpCase c) {
  for (Operand& o : c.operands)
    if (o.role == Role::Operand || o.role == Role::Matrix)
      for (float& v : o.tensor.values) v = round_to(DType::BF16, v);
  return c;
}

// Bit i of `mix` says whether the i-th operand of the dtype under test is stored as bf16; `result` is the result's.
Graph mixed_graph(const OpCase& c, unsigned mix, DType result) {
  Graph g = op_graph(c, {"", DType::F32, result, DType::F32});
  unsigned seen = 0;
  for (size_t i = 0; i < c.operands.size(); ++i) {
    const Role role = c.operands[i].role;
    if (role != Role::Operand && role != Role::Matrix) continue;
    const int id = g.node(g.size() - 1).inputs[i];
    g.node(id).precision.storage = (mix >> seen++ & 1u) != 0 ? DType::BF16 : DType::F32;
  }
  return g;
}

unsigned mixes(const OpCase& c) {
  unsigned count = 1;
  for (const Operand& o : c.operands)
    if (o.role == Role::Operand || o.role == Role::Matrix) count *= 2;
  return count;
}

// Chooses one instruction set for the dispatch, and gives the choice back at the end.
class OnTarget : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { choose(GetParam()); }
  void TearDown() override { choose(0); }

 private:
  static void choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

std::vector<int64_t> targets() {
  std::vector<int64_t> all = hwy::SupportedAndGeneratedTargets();
  if (std::find(all.begin(), all.end(), HWY_STATIC_TARGET) == all.end()) all.push_back(HWY_STATIC_TARGET);
  return all;
}

std::vector<float> mapped(cpu::Function f, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  cpu::map_elements(f, 0.0f, {reinterpret_cast<const std::byte*>(x.data()), DType::F32}, x.size(),
                    {reinterpret_cast<std::byte*>(y.data()), DType::F32});
  return y;
}

// Finite floats of every exponent and both signs.
std::vector<float> many_floats() {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 2039) {
    const float v = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::isfinite(v)) x.push_back(v);
  }
  return x;
}

// |got − f(x)| <= 4e-7 · scale(x, f(x)); a result may be flushed to zero where it is subnormal.
template <typename F, typename Scale>
void expect_close_to(cpu::Function function, F f, Scale scale) {
  const std::vector<float> x = many_floats(), got = mapped(function, x);
  double worst = 0.0;
  float at = 0.0f;
  for (size_t i = 0; i < x.size(); ++i) {
    const double v = static_cast<double>(x[i]), want = f(v);
    const double difference = std::abs(static_cast<double>(got[i]) - want);
    const double error = difference <= 0x1p-126 ? 0.0 : difference / scale(v, want);
    if (error > worst || std::isnan(error)) {
      worst = error;
      at = x[i];
    }
    if (std::isnan(error)) break;
  }
  EXPECT_LE(worst, 4e-7) << "at " << at;
  const auto nan = mapped(function, {std::nanf(""), std::nanf(""), 1.0f});
  EXPECT_TRUE(std::isnan(nan[0]) && std::isnan(nan[1]) && !std::isnan(nan[2]));
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double relative(double, double y) { return std::abs(y); }
double to_operand(double x, double) { return std::abs(x); }

}  // namespace

TEST_P(OnTarget, MatchesTheReferenceForEveryMixOfDTypes) {
  const VectorKernels kernels;
  const auto reference = make_reference_backend();
  for (const OpCase& original : all_cases()) {
    if (!is_ours(original)) continue;
    const OpCase c = in_bf16_values(original);
    for (unsigned mix = 0; mix < mixes(c); ++mix)
      for (DType result : {DType::F32, DType::BF16}) {
        const bool moves = c.op->numeric_class == NumericClass::Movement;
        const bool gated = c.op == &swiglu_op || c.op == &geglu_tanh_op || c.op == &silu_gradient_op;
        if (moves && (mix != (result == DType::BF16 ? mixes(c) - 1 : 0))) continue;
        if (gated && mix != 0 && mix != 3) continue;
        const Graph g = mixed_graph(c, mix, result);
        const RunResult fast = run_graph(g, kernels, weights_of(c), inputs_of(c));
        const RunResult slow = run_graph(g, *reference, weights_of(c), inputs_of(c));
        const CaseDTypes values{"", DType::F32, result, DType::F32};
        const Expected e = expected(c, values);
        Doubles far = bound(c, values, e, DType::F32);
        const Doubles own = bound(c, values, e, DType::F64);
        for (size_t i = 0; i < far.size(); ++i) far[i] += own[i];
        EXPECT_TRUE(within(fast.output("y"), slow.output("y"), far))
            << c.name << ", mix " << mix << " to " << to_string(result);
      }
  }
}

TEST_P(OnTarget, SameBytesForAnyThreadCount) {
  const VectorKernels kernels;
  for (const OpCase& c : all_cases()) {
    if (!is_ours(c)) continue;
    const Graph g = op_graph(c, {"", DType::F32, DType::F32, DType::F32});
    const RunResult one = run_graph(g, kernels, weights_of(c), inputs_of(c), {.threads = 1});
    for (int threads : {2, 5})
      EXPECT_TRUE(same_bytes(run_graph(g, kernels, weights_of(c), inputs_of(c), {.threads = threads}).output("y"),
                             one.output("y")))
          << c.name << ", " << threads << " threads";
  }
}

TEST_P(OnTarget, RoundsToBf16AsCoreDoes) {
  std::vector<float> x;
  for (uint32_t high = 0; high < 0x10000u; ++high)
    for (uint32_t low : {0x0000u, 0x0001u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu})
      x.push_back(std::bit_cast<float>(high << 16 | low));
  std::vector<bf16_t> y(x.size());
  cpu::map_elements(cpu::Function::Itself, 0.0f, {reinterpret_cast<const std::byte*>(x.data()), DType::F32}, x.size(),
                    {reinterpret_cast<std::byte*>(y.data()), DType::BF16});
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(y[i].bits, to_bf16(x[i]).bits) << fmt::format("{:08x}", std::bit_cast<uint32_t>(x[i]));
}

TEST_P(OnTarget, WidensEveryBf16AndF16) {
  std::vector<uint16_t> bits(0x10000);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint16_t>(i);
  const auto* data = reinterpret_cast<const std::byte*>(bits.data());
  std::vector<float> y(bits.size());
  const cpu::Target to(reinterpret_cast<std::byte*>(y.data()), DType::F32);

  cpu::map_elements(cpu::Function::Itself, 0.0f, {data, DType::BF16}, bits.size(), to);
  for (size_t i = 0; i < bits.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(to_float(bf16_t{bits[i]}))) << i;

  const int32_t first_row = 0;
  cpu::table_rows({&first_row, 1}, {data, DType::F16}, bits.size(), 1.0f, to);
  for (size_t i = 0; i < bits.size(); ++i) {
    const float want = to_float(f16_t{bits[i]});
    ASSERT_TRUE(std::isnan(want) ? std::isnan(y[i]) : y[i] == want && std::signbit(y[i]) == std::signbit(want)) << i;
  }
}

TEST_P(OnTarget, FunctionsAreGoodToFloatPrecision) {
  using cpu::Function;
  expect_close_to(
      Function::Silu, [](double x) { return x * sigmoid(x); }, relative);
  expect_close_to(
      Function::Tanh, [](double x) { return std::tanh(x); }, relative);
  expect_close_to(
      Function::GeluTanh,
      [](double x) { return x * sigmoid(2.0 * std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x)); },
      to_operand);
  expect_close_to(
      Function::GeluErf, [](double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }, to_operand);
}

// A mean a thousand times the deviation, over many blocks of pixels.
TEST_P(OnTarget, GroupNormKeepsItsDigitsFarFromZero) {
  const int64_t size = 96, channels = 48, groups = 6;
  const double eps = 1e-6;
  const VectorKernels kernels;
  Graph g;
  const Value x = g.input("x", {size, size, channels});
  g.output("y", group_norm(Scope(g, "n"), x, groups, eps));
  const Tensor tensor = random_tensor({size, size, channels}, 5, 1.0f, 1000.0f);
  MemoryWeights weights;
  weights.add("n.weight", random_tensor({channels}, 6));
  weights.add("n.bias", random_tensor({channels}, 7));
  const Tensors inputs{{"x", tensor}};
  const RunResult fast = run_graph(g, kernels, weights, inputs, {.threads = 1});
  const RunResult slow = run_graph(g, *make_reference_backend(), weights, inputs);
  // Differences from the mean are exact but for the mean's own rounding: u · 1000 of a deviation of 1, times the
  // weight.
  const Tensor w = random_tensor({channels}, 6);
  Doubles far;
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    const double gain = std::abs(static_cast<double>(w.values[i % w.values.size()]));
    const double y = std::abs(static_cast<double>(slow.output("y")[i]));
    far.push_back(gamma(4, DType::F32) * (1000.0 * gain + y + 6.0 * gain) +
                  gamma(sum_steps(200), DType::F32) * 6.0 * gain);
  }
  EXPECT_TRUE(within(fast.output("y"), slow.output("y"), far));
  for (int threads : {2, 5})
    EXPECT_TRUE(same_bytes(run_graph(g, kernels, weights, inputs, {.threads = threads}).output("y"), fast.output("y")));
}

INSTANTIATE_TEST_SUITE_P(Highway, OnTarget, ::testing::ValuesIn(targets()),
                         [](const auto& i) { return std::string(hwy::TargetName(i.param)); });

TEST(HighwayKernels, RefuseWithAReason) {
  for (const OpCase& c : all_cases()) {
    if (!is_ours(c)) continue;
    for (const CaseDTypes& dtypes : dtypes_for(c)) {
      const Graph g = op_graph(c, dtypes);
      const Node& n = g.node(g.size() - 1);
      KernelRequest request{.op = n.op, .attrs = n.attrs, .output = n.spec(), .precision = n.precision};
      for (int in : n.inputs) request.inputs.push_back(g.node(in).spec());
      std::string why;
      const bool made = VectorKernels().make_kernel(request, &why) != nullptr;
      const bool half = dtypes.operands == DType::F16 && c.op->numeric_class != NumericClass::Movement;
      EXPECT_EQ(made, !half) << c.name << ", " << dtypes.name << ": " << why;
      EXPECT_TRUE(made || !why.empty()) << c.name;
    }
  }
}

TEST(HighwayKernels, AnIdOutsideTheTableIsAnError) {
  for (float id : {-1.0f, 5.0f}) {
    Graph g;
    const Value ids = g.input("ids", {1}, Element::Index);
    g.output("y", embedding(ids, g.weight("table", {5, 8})));
    MemoryWeights weights;
    weights.add("table", random_tensor({5, 8}, 1));
    EXPECT_THROW(run_graph(g, VectorKernels(), weights, {{"ids", {{1}, {id}}}}), Error);
  }
}

// Among the tests that run once more with ONEDNN_MAX_CPU_ISA.
TEST(MatrixKernels, TheLimitOfOneDnnIsThatOfVectorKernels) {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (limit == nullptr || std::string_view(limit) != "AVX2") GTEST_SKIP() << "oneDNN is not limited to AVX2";
  const auto backend = make_cpu_backend();
  EXPECT_EQ(hwy::SupportedTargets() & (HWY_AVX3 | HWY_AVX3_DL), 0);
}

}  // namespace newbie::test
