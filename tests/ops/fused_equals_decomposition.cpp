// A fused op means what it decomposes into, with everything in f32 and with bf16 between the parts.
#include "core/float_formats.h"
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

PrecisionPolicy everything_f32() { return {.name = "f32"}; }

PrecisionPolicy everything_bf16() {
  constexpr OpPrecision kStored{DType::BF16, DType::F32, DType::F32}, kMatrix{DType::BF16, DType::BF16, DType::F32};
  return {.name = "all bf16",
          .rules = {{std::nullopt, "", kStored},
                    {NumericClass::Matmul, "", kMatrix},
                    {NumericClass::Attention, "", kMatrix},
                    {NumericClass::Convolution, "", kMatrix}}};
}

class FusedCase : public ::testing::TestWithParam<size_t> {
 protected:
  void expect_equal(const PrecisionPolicy& policy, const CaseDTypes& dtypes) const {
    OpCase c = all_cases()[GetParam()];
    for (Operand& o : c.operands) round_values(o.tensor, dtypes.operands);
    const auto backend = make_reference_backend();
    const Graph g = op_graph(c, {.name = "undecided"});
    const auto run = [&](bool decompose_all) {
      return execute(g, *backend, {.precision = policy, .threads = 2, .fuse = false, .decompose_all = decompose_all},
                     weights_of(c), inputs_of(c));
    };
    const RunResult whole = run(false), parts = run(true);
    ASSERT_GT(parts.steps, whole.steps);

    // Each is as far from the formula as its own roundings explain.
    const Expected e = expected(c, dtypes);
    Doubles far = bound(c, dtypes, e, DType::F64);
    const double stored = gamma(c.stored_roundings, dtypes.operands);
    for (size_t i = 0; i < far.size(); ++i) far[i] = 2.0 * far[i] + stored * e.magnitude[i];
    EXPECT_TRUE(within(whole.output("y"), parts.output("y"), far));
  }

 private:
  // So that operands lose nothing when they are stored as `dtype`.
  static void round_values(Tensor& t, DType dtype) {
    for (float& v : t.values) v = round_to(dtype, v);
  }
};

}  // namespace

TEST_P(FusedCase, InF32) { expect_equal(everything_f32(), {"f32"}); }

TEST_P(FusedCase, WithBf16Between) { expect_equal(everything_bf16(), {"bf16", DType::BF16, DType::F32, DType::BF16}); }

INSTANTIATE_TEST_SUITE_P(Ops, FusedCase,
                         ::testing::ValuesIn(case_numbers([](const OpCase& c) { return c.op->decompose != nullptr; })),
                         [](const auto& i) { return case_name(i.param); });

}  // namespace newbie::test
