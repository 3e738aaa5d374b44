// The fast CPU backend computes what the reference computes: every case, every dtype, within the bound that the
// roundings of both explain.
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

void compare_backends(const OpCase& c, const Backend& cpu, const Backend& reference) {
  for (const CaseDTypes& dtypes : dtypes_for(c)) {
    const Graph g = op_graph(c, dtypes);
    const RunResult fast = run_graph(g, cpu, weights_of(c), inputs_of(c));
    const RunResult slow = run_graph(g, reference, weights_of(c), inputs_of(c));
    const Expected e = expected(c, dtypes);
    Doubles far = bound(c, dtypes, e, DType::F32);
    const Doubles own = bound(c, dtypes, e, DType::F64);
    for (size_t i = 0; i < far.size(); ++i) far[i] += own[i];
    EXPECT_TRUE(within(fast.output("y"), slow.output("y"), far)) << c.name << ", " << dtypes.name;
  }
}

class CpuCase : public ::testing::TestWithParam<size_t> {};

}  // namespace

TEST_P(CpuCase, MatchesReference) {
  compare_backends(all_cases()[GetParam()], *make_cpu_backend(), *make_reference_backend());
}

TEST_P(CpuCase, SameBytesForAnyThreadCount) {
  const OpCase& c = all_cases()[GetParam()];
  const auto cpu = make_cpu_backend();
  for (const CaseDTypes& dtypes : dtypes_for(c)) {
    const Graph g = op_graph(c, dtypes);
    const RunResult one = run_graph(g, *cpu, weights_of(c), inputs_of(c), {.threads = 1});
    for (int threads : {2, 7}) {
      const RunResult more = run_graph(g, *cpu, weights_of(c), inputs_of(c), {.threads = threads});
      EXPECT_TRUE(same_bytes(more.output("y"), one.output("y"))) << dtypes.name << ", " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, CpuCase, ::testing::ValuesIn(case_numbers([](const OpCase&) { return true; })),
                         [](const auto& i) { return case_name(i.param); });

}  // namespace newbie::test
