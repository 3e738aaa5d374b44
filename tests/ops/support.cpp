// Every op that computes has a case table and a reference kernel, and refusals have reasons.
#include <gmock/gmock.h>

#include <set>

#include "graph/ops/all.h"
#include "ops/cases.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

bool is_computed(const OpDef& op) { return op.numeric_class != NumericClass::Source && !op.view; }

KernelRequest request_for(const OpCase& c, const CaseDTypes& dtypes) {
  const Graph g = op_graph(c, dtypes);
  const Node& y = g.node(g.size() - 1);
  KernelRequest request{.op = y.op, .attrs = y.attrs, .output = y.spec(), .precision = y.precision, .threads = 2};
  for (int in : y.inputs) request.inputs.push_back(g.node(in).spec());
  return request;
}

}  // namespace

TEST(Support, EveryOpHasCases) {
  std::set<const OpDef*> seen;
  for (const OpCase& c : all_cases()) seen.insert(c.op);
  for (const OpDef* op : all_ops()) EXPECT_EQ(seen.contains(op), is_computed(*op)) << op->name;
}

TEST(Support, EveryCaseHasAReferenceKernelInEveryDType) {
  const auto backend = make_reference_backend();
  for (const OpCase& c : all_cases())
    for (const CaseDTypes& dtypes : dtypes_for(c)) {
      std::string why;
      const auto kernel = backend->make_kernel(request_for(c, dtypes), &why);
      ASSERT_NE(kernel, nullptr) << c.name << ", " << dtypes.name << ": " << why;
      EXPECT_EQ(kernel->name(), "reference." + std::string(c.op->name));
    }
}

TEST(Support, SourcesAndViewsHaveNoKernel) {
  const auto backend = make_reference_backend();
  for (const OpDef* op : all_ops()) {
    if (is_computed(*op)) continue;
    std::string why;
    EXPECT_EQ(backend->make_kernel({.op = op, .inputs = {{}}}, &why), nullptr) << op->name;
    EXPECT_EQ(why, "no such op");
  }
}

TEST(Support, RefusesOtherDTypesWithAReason) {
  const auto backend = make_reference_backend();
  const auto why_not = [&](const OpDef& op, std::vector<TensorSpec> inputs, TensorSpec output) {
    std::string why;
    const KernelRequest request{
        .op = &op, .attrs = {{"scale", 1.0}}, .inputs = std::move(inputs), .output = std::move(output)};
    EXPECT_EQ(backend->make_kernel(request, &why), nullptr);
    return why;
  };
  const Shape s{2, 4};
  EXPECT_THAT(why_not(silu_op, {{s, DType::I8}}, {s, DType::F32}), ::testing::HasSubstr("input 0 is int8"));
  EXPECT_THAT(why_not(silu_op, {{s, DType::F32}}, {s, DType::F64}), ::testing::HasSubstr("result is f64"));
  EXPECT_THAT(why_not(concat_rows_op, {{s, DType::F32}, {s, DType::BF16}}, {{4, 4}, DType::F32}),
              ::testing::HasSubstr("bf16"));
  EXPECT_THAT(why_not(embedding_op, {{{2}, DType::F32}, {s, DType::F32}}, {s, DType::F32}),
              ::testing::HasSubstr("expected i32"));
}

TEST(Support, AnIdOutsideTheTableIsAnErrorNotARead) {
  for (float id : {-1.0f, 4.0f}) {
    Graph g;
    g.output("y", embedding(g.input("ids", {1}, Element::Index), g.weight("table", {4, 8})));
    MemoryWeights weights;
    weights.add("table", random_tensor({4, 8}, 1));
    const auto backend = make_reference_backend();
    EXPECT_THROW(run_graph(g, *backend, weights, {{"ids", {{1}, {id}}}}), Error);
  }
}

}  // namespace newbie::test
