// The pass as a whole: views, values with several readers, names, refusals.
#include "compile/differentiate.h"

#include <gmock/gmock.h>

#include "compile/devices.h"
#include "compile/precision.h"
#include "graph/ops/all.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

bool all_weights(const std::string&) { return true; }

// Two linear layers with a branch around the second.
Graph two_layers() {
  Graph g;
  const Scope root(g);
  const Value x = linear(root / "first", g.input("x", {3, 4}), 4, false);
  const Value y = add(silu(linear(root / "block.second", x, 4, false)), x, "block");
  g.output("loss", squared_error(y, g.input("target", {3, 4})));
  return g;
}

std::string refusal(const Graph& g, const Trainable& trainable, ErrorKind kind) {
  try {
    differentiate(g, "loss", trainable);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.message();
    return e.message();
  }
  return "nothing was refused";
}

bool knows(const Graph& g, const std::string& path) {
  for (int id = 0; id < g.size(); ++id)
    if (std::ranges::find(g.node(id).paths, path) != g.node(id).paths.end()) return true;
  return false;
}

}  // namespace

TEST(Differentiate, WalksTowardsTrainableWeightsOnly) {
  const Graph g =
      differentiate(two_layers(), "loss", [](const std::string& name) { return name == "block.second.weight"; });
  verify(g);
  std::vector<std::string> outputs;
  for (const auto& o : g.outputs()) outputs.push_back(o.name);
  EXPECT_THAT(outputs, ::testing::ElementsAre("loss", "block.second.weight.gradient"));
  EXPECT_FALSE(knows(g, "first.gradient"));  // nothing trainable lies behind it
  for (int id = 0; id < g.size(); ++id) EXPECT_NE(g.node(id).op, &linear_transposed_op);
}

TEST(Differentiate, RulesOfAModuleHoldForTheWayBack) {
  const Graph g = differentiate(two_layers(), "loss", all_weights);
  for (const char* path : {"block.gradient", "block.second.gradient", "first.gradient"}) EXPECT_TRUE(knows(g, path));
  const int way_back = *g.find_input(kLossGradient);
  for (int id = way_back + 1; id < g.size(); ++id) {
    if (g.node(id).op->numeric_class == NumericClass::Source) continue;
    ASSERT_FALSE(g.node(id).paths.empty()) << g.node(id).op->name;
    EXPECT_TRUE(std::ranges::any_of(g.node(id).paths, [](const std::string& p) {
      return holds_for("block", p) || holds_for("first", p) || holds_for("loss", p);
    })) << g.node(id).paths.front();
  }
}

TEST(Differentiate, AValueWithSeveralReadersGetsTheSum) {
  // loss = mean((3 w)²), w being used as w + w + w: slope 18 w / n.
  Graph g;
  const Value w = g.weight("w", {4});
  g.output("loss", squared_error(add(add(w, w), w), g.input("target", {4})));
  MemoryWeights weights;
  weights.add("w", {{4}, {1.0f, -2.0f, 0.5f, 4.0f}});
  const RunResult run = run_graph(differentiate(g, "loss", all_weights), *make_reference_backend(), weights,
                                  {{"target", {{4}, {0, 0, 0, 0}}}, {std::string(kLossGradient), {{1}, {1.0f}}}});
  EXPECT_THAT(run.output("w.gradient"), ::testing::ElementsAre(4.5f, -9.0f, 2.25f, 18.0f));
}

TEST(Differentiate, ViewsAreGoneThrough) {
  Graph g;
  const Value w = g.weight("w", {3, 4});
  g.output("loss", squared_error(mul_scalar(slice_rows(reshape(w, {6, 2}), 1, 3), 1.0), g.input("target", {2, 2})));
  MemoryWeights weights;
  weights.add("w", {{3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}});
  const RunResult run = run_graph(differentiate(g, "loss", all_weights), *make_reference_backend(), weights,
                                  {{"target", {{2, 2}, {0, 0, 0, 0}}}, {std::string(kLossGradient), {{1}, {2.0f}}}});
  EXPECT_THAT(run.output("w.gradient"), ::testing::ElementsAre(0, 0, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0));
}

// Rotations are turned back by tables of f32, one for all, in whatever else is computed.
TEST(Differentiate, RotationsAreTurnedBackByTheTablesThemselves) {
  Graph g;
  const Scope root(g);
  const Value cos = g.constant({3, 2}, {1.0f, 0.5f, 0.25f, 1.0f, 0.5f, 0.25f});
  const Value sin = g.constant({3, 2}, {0.0f, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f});
  Value x = linear(root / "a", g.input("x", {3, 4}), 4, false);
  for (int i = 0; i < 2; ++i) x = rope(x, cos, sin, RopeLayout::Interleaved);
  g.output("loss", squared_error(x, g.input("target", {3, 4})));
  Graph way = decide_precision(differentiate(g, "loss", all_weights),
                               resolve_precision(PrecisionPreset::BF16, this_cpu()).policy, "");
  way = assign_precision(way, [](const std::string&) { return std::nullopt; });
  std::vector<int> tables;
  for (int id = *way.find_input(kLossGradient); id < way.size(); ++id)
    if (way.node(id).op == &rope_op) tables.push_back(way.node(id).inputs[2]);
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0], tables[1]);
  EXPECT_EQ(way.node(tables[0]).op, &constant_op);
  EXPECT_EQ(way.node(tables[0]).precision.storage, DType::F32);
  EXPECT_EQ(way.node(tables[0]).constant->values().back(), -0.5f);
}

TEST(Differentiate, RefusesWhatCannotBeTrained) {
  EXPECT_THAT(refusal(
                  two_layers(), [](const std::string&) { return false; }, ErrorKind::InvalidRequest),
              ::testing::HasSubstr("no weight"));
  Graph aside = two_layers();
  aside.output("other", mul_scalar(aside.weight("norm_final.weight", {4}), 2.0));
  EXPECT_THAT(refusal(aside, all_weights, ErrorKind::InvalidRequest),
              ::testing::HasSubstr("norm_final.weight does not reach the loss"));
  Graph g;
  g.output("loss",
           squared_error(relu(linear(Scope(g) / "deep", g.input("x", {2, 3}), 4, false)), g.input("target", {2, 4})));
  EXPECT_THAT(refusal(g, all_weights, ErrorKind::Unsupported), ::testing::HasSubstr("op relu has no gradient"));
  EXPECT_THROW(differentiate(two_layers(), "velocity", all_weights), Error);
}

}  // namespace newbie::test
