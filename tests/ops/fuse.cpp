// fuse() finds again what decompose() took apart, joins nothing that others read, and keeps results.
#include "compile/fuse.h"

#include <gtest/gtest.h>

#include "compile/decompose.h"
#include "graph/ops/all.h"
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

bool made_by_fuse(const OpCase& c) {
  for (const OpDef* op :
       {&norm_modulate_op, &norm_gated_residual_op, &norm_residual_op, &norm_rope_op, &group_norm_silu_op})
    if (c.op == op) return true;
  return false;
}

int count(const Graph& g, const OpDef& op) {
  int n = 0;
  for (int id = 0; id < g.size(); ++id) n += g.node(id).op == &op;
  return n;
}

class FusableCase : public ::testing::TestWithParam<size_t> {};

}  // namespace

TEST_P(FusableCase, IsFoundInItsDecomposition) {
  const OpCase& c = all_cases()[GetParam()];
  const Graph whole = op_graph(c, {.name = "f32"});
  const Graph parts = decompose(whole, [&](const Node& n) { return n.op == c.op; });
  ASSERT_EQ(count(parts, *c.op), 0);
  const Graph again = fuse(parts);
  EXPECT_LT(again.size(), parts.size());
  EXPECT_EQ(again.str(), whole.str());

  const auto backend = make_reference_backend();
  const RunResult a = run_graph(parts, *backend, weights_of(c), inputs_of(c));
  const RunResult b = run_graph(again, *backend, weights_of(c), inputs_of(c));
  const CaseDTypes f32{"f32"};
  const Expected e = expected(c, f32);
  Doubles far = bound(c, f32, e, DType::F64);
  for (size_t i = 0; i < far.size(); ++i)
    far[i] = 2.0 * far[i] + gamma(c.stored_roundings, DType::F32) * e.magnitude[i];
  EXPECT_TRUE(within(b.output("y"), a.output("y"), far));
}

INSTANTIATE_TEST_SUITE_P(Ops, FusableCase, ::testing::ValuesIn(case_numbers(made_by_fuse)),
                         [](const auto& i) { return case_name(i.param); });

TEST(Fuse, LeavesAloneWhatOthersRead) {
  Graph g;
  const Value norm = rms_norm(g.input("x", {3, 48}), g.weight("w", {48}), 1e-5);
  const Value row = g.input("row", {48});
  g.output("twice", add(modulate(norm, row), silu(norm)));
  EXPECT_EQ(count(fuse(g), norm_modulate_op), 0);

  Graph h;
  const Value kept = rms_norm(h.input("x", {3, 48}), h.weight("w", {48}), 1e-5);
  h.output("norm", kept);
  h.output("y", modulate(kept, h.input("row", {48})));
  EXPECT_EQ(count(fuse(h), norm_modulate_op), 0);
}

TEST(Fuse, LeavesAloneNormsOfPartsOfARow) {
  Graph g;
  const Value x = g.input("x", {3, 96});
  const auto per_head = [&](const char* name) { return rms_norm(x, g.weight(name, {48}), 1e-5); };
  g.output("modulated", modulate(per_head("a"), g.input("row", {96})));
  g.output("added", add(x, per_head("b")));
  g.output("gated", gated_residual(x, per_head("c"), g.input("gate", {96})));
  g.output("rotated", rope(per_head("d"), g.input("cos", {3, 16}), g.input("sin", {3, 16}), RopeLayout::HalfSplit));
  EXPECT_EQ(fuse(g).str(), g.str());
}

TEST(Fuse, LeavesAloneASumWithARow) {
  Graph g;
  g.output("y", add(g.input("x", {3, 48}), rms_norm(g.input("row", {1, 48}), g.weight("w", {48}), 1e-5)));
  EXPECT_EQ(count(fuse(g), norm_residual_op), 0);
}

TEST(Fuse, KeepsThePathsOfTheSecondOpAndOnlyThose) {
  Graph g;
  const Value x = g.input("x", {3, 48});
  const Value y = rms_norm(x, g.weight("w", {48}), 1e-5, 0.0, "norm");
  g.output("y", add(x, y, "block"));
  const Graph f = fuse(g);
  const Node& n = f.node(f.outputs().front().id);
  EXPECT_EQ(n.op, &norm_residual_op);
  EXPECT_EQ(n.paths, std::vector<std::string>{"block"});
  for (int id = 0; id < f.size(); ++id)
    for (const std::string& path : f.node(id).paths) EXPECT_NE(path, "norm");
}

}  // namespace newbie::test
