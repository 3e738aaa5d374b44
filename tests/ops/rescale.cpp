// A rescaled graph is the same function, bit for bit, and its values are smaller where they were asked to be.
#include "compile/rescale.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/ops/all.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {
namespace {

constexpr int64_t kRows = 6, kWidth = 32, kHeads = 4;

Rescale times(const char* glob, int log2) { return {.path_glob = glob, .log2 = log2, .origin = "test"}; }

// Every law of rescale.h in one network: a table, running sums, norms of all kinds, gates, attention, moves.
Graph network() {
  Graph g;
  const Scope s(g);
  const Value x = g.input("x", {kRows, kWidth}), row = g.input("row", {kWidth});
  const Value table = (s / "table").weight("weight", {16, kWidth});
  Value sum = add(x, embedding(g.input("ids", {kRows}, Element::Index), table, 3.0, "table"));
  const Value h = rms_norm(s / "norm1", sum, kWidth, 1e-5);
  const Value q = rms_norm(s / "q_norm", linear(s / "q", h, kWidth, true), kWidth / kHeads, 1e-6, 1.0);
  const Value k = linear(s / "k", h, kWidth, false), v = linear(s / "v", h, kWidth, true);
  const Value seen = attention(q, k, v, kHeads, kHeads, 0.3, {.causal = true, .window = 3});
  sum = gated_residual(sum, rms_norm(s / "norm2", linear(s / "out", seen, kWidth, false), kWidth, 1e-5), row);
  const Value m = modulate(layer_norm(s / "norm3", sum, 1e-5), row);
  const Value gated = swiglu(linear(s / "w1", m, 48, false), linear(s / "w3", m, 48, false));
  sum = add(sum, linear(s / "w2", gated, kWidth, true));
  g.output("sum", sum);
  const Value picture = reshape(layer_norm(sum, 1e-5), {2, 3, kWidth});
  const Value c = conv2d(s / "conv", picture, 16, 3, 1, {1, 1, 1, 1});
  g.output("picture", silu(group_norm(s / "groups", upsample_nearest(c), 4, 1e-6)));
  g.output("mean", mean_rows(slice_rows(concat_rows(sum, x), 2, 9)));
  return g;
}

struct Network {
  Graph graph = network();
  MemoryWeights weights;
  Tensors inputs;

  Network() {
    for (int id = 0; id < graph.size(); ++id) {
      const Node& n = graph.node(id);
      if (n.op == &weight_op)
        weights.add(n.paths.front(),
                    random_tensor(n.shape, static_cast<uint64_t>(id), n.shape.rank() > 1 ? 0.2F : 1.0F));
    }
    inputs["x"] = random_tensor({kRows, kWidth}, 101);
    inputs["row"] = random_tensor({kWidth}, 102);
    inputs["ids"] = {{kRows}, {3, 0, 15, 7, 7, 1}};
  }
  RunResult run(const Backend& backend, const std::vector<Rescale>& rescales, bool fuse = true) const {
    CompileOptions options{.part = "transformer", .threads = 2, .fuse = fuse};
    options.precision.rescales = rescales;
    return execute(graph, backend, options, weights, inputs, true);
  }
};

TEST(Rescale, InF32EveryResultIsTheSameBits) {
  const Network network;
  const std::vector<std::vector<Rescale>> policies{
      {times("transformer.w2", -5)},
      {times("transformer.w3", -7), times("transformer.w2", 4)},
      {times("transformer.table", -3), times("transformer.norm2", -3), times("transformer.w2", -3)},
      {times("transformer.q", 5), times("transformer.k", -9), times("transformer.v", -2)},
      {times("transformer.conv", 6), times("transformer.norm3", -4)},
      {times("transformer.w1", -6), times("transformer.q_norm", 4)},
      {times("*", -3), times("transformer.groups", 3)},
      {times("*", -3), times("transformer.norm*", 7)},
  };
  // In the last two a multiplication comes between a norm and the sum or function that it is fused with.
  const size_t fusable = policies.size() - 2;
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()})
    for (const bool fuse : {true, false}) {
      const RunResult want = network.run(*backend, {}, fuse);
      for (size_t i = 0; i < (fuse ? fusable : policies.size()); ++i) {
        const RunResult got = network.run(*backend, policies[i], fuse);
        for (const char* name : {"sum", "picture", "mean"})
          EXPECT_TRUE(same_bytes(got.output(name), want.output(name)))
              << name << ", policy " << i << ", " << backend->name() << (fuse ? ", fused" : "");
      }
    }
}

TEST(Rescale, ValuesAreScaledUntilSomethingTakesItBack) {
  const Network network;
  const auto backend = make_reference_backend();
  const RunResult plain = network.run(*backend, {}, false);
  const RunResult scaled = network.run(*backend, {times("transformer.w3", -4), times("transformer.v", 2)}, false);
  const auto factor = [&](const char* path, double want) {
    for (size_t i = 0; i < plain.path(path).size(); ++i)
      ASSERT_EQ(scaled.path(path)[i], static_cast<float>(plain.path(path)[i] * want)) << path;
  };
  factor("w1", 1);
  factor("w3", 0x1p-4);
  factor("w2", 1);
  factor("v", 4);
  factor("out", 1);
}

// The residual sum stays scaled through both branches; nothing is multiplied on the way but what comes from outside.
TEST(Rescale, ARunningSumIsScaledByItsSources) {
  Graph g =
      rescale(network(),
              std::vector{times("transformer.table", -3), times("transformer.norm2", -3), times("transformer.w2", -3)},
              "transformer");
  int multiplications = 0;
  for (int id = 0; id < g.size(); ++id) multiplications += g.node(id).op == &mul_op;
  EXPECT_EQ(multiplications, 3) << "x goes in once, for both its readers; two outputs come out\n" << g.str();
}

TEST(Rescale, TheMoreSpecificGlobWinsThenTheLater) {
  const std::string path = "transformer.layers.1.w2";
  const auto asked = [&](std::vector<Rescale> rules) { return asked_log2(rules, std::span(&path, 1)); };
  EXPECT_EQ(asked({times("transformer.layers.1.w2", 1), times("transformer.layers.*.w2", 2)}), 1);
  EXPECT_EQ(asked({times("transformer.layers.*.w2", 2), times("*", 3)}), 2);
  EXPECT_EQ(asked({times("*.w2", 2), times("*.w2", 3)}), 3);
  EXPECT_EQ(asked({times("transformer.layers.1", 2)}), 0) << "a module is not its values";
}

// Queries, keys and values of one matrix: norms read the first two, the third is carried on.
TEST(Rescale, PiecesOfAResultAreScaledApart) {
  Network network;
  Graph& g = network.graph = Graph();
  const Scope s(g);
  const Value qkv = linear(s / "qkv", g.input("x", {kRows, kWidth}), 3 * kWidth, true);
  const auto piece = [&](int64_t i) { return slice_columns(qkv, i * kWidth, (i + 1) * kWidth); };
  const Value q = rms_norm(s / "q_norm", piece(0), kWidth / kHeads, 1e-6),
              k = rms_norm(s / "k_norm", piece(1), kWidth / kHeads, 1e-6), v = piece(2);
  g.output("sum", linear(s / "out", attention(q, k, v, kHeads, kHeads, 0.3), kWidth, true));
  network.weights = MemoryWeights();
  for (int id = 0; id < g.size(); ++id)
    if (const Node& n = g.node(id); n.op == &weight_op)
      network.weights.add(n.paths.front(), random_tensor(n.shape, static_cast<uint64_t>(id), 0.2F));
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
    const RunResult plain = network.run(*backend, {}, false);
    for (const auto& rules : {std::vector{times("transformer.qkv[64:96]", -6)},
                              std::vector{times("transformer.qkv", 3), times("transformer.qkv[0:32]", -4)},
                              std::vector{times("transformer.*", 2), times("transformer.qkv[32:64]", -9)}}) {
      const RunResult scaled = network.run(*backend, rules, false);
      EXPECT_TRUE(same_bytes(scaled.output("sum"), plain.output("sum"))) << rules.back().path_glob;
      for (size_t row = 0; row < kRows; ++row)
        for (size_t i = 0; i < 3 * kWidth; ++i) {
          const std::string path = piece_path("transformer.qkv", static_cast<int64_t>(i / kWidth * kWidth),
                                              static_cast<int64_t>((i / kWidth + 1) * kWidth));
          const std::vector<std::string> names{"transformer.qkv", path};
          const size_t at = row * 3 * kWidth + i;
          ASSERT_EQ(scaled.path("qkv")[at], std::ldexp(plain.path("qkv")[at], asked_log2(rules, names))) << path;
        }
    }
  }
  const auto refused = [&](const char* path) {
    try {
      rescale(g, std::vector{times(path, -1)}, "transformer");
      ADD_FAILURE() << path;
    } catch (const Error& e) {
      EXPECT_THAT(e.message(), ::testing::HasSubstr("no piece that the network cuts out")) << path;
      EXPECT_EQ(e.kind(), ErrorKind::InvalidRequest);
    }
  };
  refused("transformer.qkv[0:31]");
  refused("transformer.out[0:32]");
}

TEST(Rescale, AnOpWithoutWeightsIsRefusedByName) {
  Graph g;
  const Value x = g.input("x", {2, 4});
  g.output("y", add(x, x, "sum"));
  try {
    rescale(g, std::vector{times("transformer.sum", -1)}, "transformer");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::InvalidRequest);
    EXPECT_THAT(e.message(), ::testing::HasSubstr("transformer.sum is made by add"));
  }
  EXPECT_NO_THROW(rescale(g, std::vector{times("transformer.*", -1)}, "transformer"));
}

TEST(Rescale, IsPartOfThePolicysIdentity) {
  PrecisionRequest request(PrecisionPreset::F16);
  const DeviceCaps device{.name = "test"};
  const std::string plain = resolve_precision(request, device).policy.hash();
  request.rescales = {times("transformer.w2", -1)};
  const Resolution one = resolve_precision(request, device);
  EXPECT_EQ(one.policy.rescales.size(), 1U);
  EXPECT_NE(one.policy.hash(), plain);
  request.rescales[0].log2 = -2;
  EXPECT_NE(resolve_precision(request, device).policy.hash(), one.policy.hash());
}

}  // namespace
}  // namespace newbie::test
