// The reference backend computes what each op says, in every dtype; the formulas are the cases' own.
#include "graph/ops/attention.h"
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

std::vector<float> as_floats(const Doubles& values) { return {values.begin(), values.end()}; }

class EveryCase : public ::testing::TestWithParam<size_t> {
 protected:
  const OpCase& op_case() const { return all_cases()[GetParam()]; }
};

}  // namespace

TEST_P(EveryCase, ReferenceMatchesFormula) {
  const auto backend = make_reference_backend();
  for (const CaseDTypes& dtypes : dtypes_for(op_case())) {
    const Expected e = expected(op_case(), dtypes);
    const RunResult run = run_graph(op_graph(op_case(), dtypes), *backend, weights_of(op_case()), inputs_of(op_case()));
    EXPECT_TRUE(within(run.output("y"), as_floats(e.value), bound(op_case(), dtypes, e, DType::F64))) << dtypes.name;
  }
}

TEST_P(EveryCase, SameBytesForAnyThreadCount) {
  const auto backend = make_reference_backend();
  for (const CaseDTypes& dtypes : dtypes_for(op_case())) {
    const Graph g = op_graph(op_case(), dtypes);
    const RunResult one = run_graph(g, *backend, weights_of(op_case()), inputs_of(op_case()), {.threads = 1});
    for (int threads : {2, 7}) {
      const RunResult more = run_graph(g, *backend, weights_of(op_case()), inputs_of(op_case()), {.threads = threads});
      EXPECT_TRUE(same_bytes(more.output("y"), one.output("y"))) << dtypes.name << ", " << threads << " threads";
    }
  }
}

// Three equal scores: 1/3 is no bf16 number, so its rounding shows in the sum of three ones.
TEST(ReferenceAttention, RoundsProbabilitiesToTheComputeDType) {
  for (const auto& [compute, want] : {std::pair{DType::F32, 1.0f}, {DType::BF16, 3.0f * 0.333984375f}}) {
    Graph g;
    const Value y = attention(g.input("q", {1, 2}), g.input("k", {3, 2}), g.input("v", {3, 2}), 1, 1, 1.0);
    g.node(y.id()).precision.compute = compute;
    g.output("y", y);
    const auto backend = make_reference_backend();
    const Tensor ones{{3, 2}, std::vector<float>(6, 1.0f)};
    const RunResult run =
        run_graph(g, *backend, MemoryWeights(), {{"q", {{1, 2}, {1.0f, 1.0f}}}, {"k", ones}, {"v", ones}});
    EXPECT_EQ(run.output("y").front(), want) << to_string(compute);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, EveryCase, ::testing::ValuesIn(case_numbers([](const OpCase&) { return true; })),
                         [](const auto& i) { return case_name(i.param); });

}  // namespace newbie::test
