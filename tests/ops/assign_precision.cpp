// Casts appear where compile/precision.h says, and nowhere else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "compile/fuse.h"
#include "compile/precision.h"
#include "core/allocator.h"
#include "graph/ops/all.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

constexpr int64_t kRows = 7, kWidth = 48, kHeads = 4, kVocabulary = 11;

// One of everything that a policy treats differently: a table, a block with attention and feed-forward, a picture.
Graph sample_graph() {
  Graph g;
  const Scope s(g);
  Value x = embedding(g.input("ids", {kRows}, Element::Index), g.weight("table", {kVocabulary, kWidth}), 2.0, "embed");
  x = concat_rows(x, linear(s / "project", g.input("features", {3, 32}), kWidth, true));
  const Value cos = g.constant({kRows + 3, kWidth / kHeads / 2}, std::vector<float>(60, 0.8f));
  const Value sin = g.constant({kRows + 3, kWidth / kHeads / 2}, std::vector<float>(60, 0.6f));
  const Value u = rms_norm(s / "norm1", x, kWidth, 1e-5);
  const Value q = rope(rms_norm(s / "q_norm", linear(s / "q", u, kWidth, false), kWidth / kHeads, 1e-5), cos, sin,
                       RopeLayout::Interleaved);
  const Value k = linear(s / "k", u, kWidth / 2, false), v = linear(s / "v", u, kWidth / 2, false);
  x = add(x,
          rms_norm(s / "norm2", linear(s / "out", attention(q, k, v, kHeads, kHeads / 2, 0.3), kWidth, false), kWidth,
                   1e-5),
          "block");
  g.output("y", linear(s / "head", swiglu(linear(s / "w1", x, 96, false), linear(s / "w3", x, 96, false)), 8, true));
  Value p = conv2d(s / "conv_in", g.input("picture", {4, 5, 3}), 16, 3, 1, {1, 1, 1, 1});
  p = add(p, conv2d(s / "conv", silu(group_norm(s / "norm", p, 4, 1e-6)), 16, 3, 1, {1, 1, 1, 1}));
  g.output("picture", upsample_nearest(p));
  return g;
}

MemoryWeights sample_weights(const Graph& g) {
  MemoryWeights weights;
  for (int id = 0; id < g.size(); ++id)
    if (g.node(id).op == &weight_op)
      weights.add(g.node(id).paths.front(), random_tensor(g.node(id).shape, static_cast<uint64_t>(id), 0.2f));
  return weights;
}

Tensors sample_inputs() {
  return {{"ids", {{kRows}, {0, 1, 2, 3, 4, 5, 10}}},
          {"features", random_tensor({3, 32}, 1)},
          {"picture", random_tensor({4, 5, 3}, 2)}};
}

std::optional<DType> unknown(const std::string&) { return std::nullopt; }

// All passes that decide numbers, without fusing.
Graph assigned(const Graph& g, const PrecisionPolicy& policy, const std::string& part,
               const std::function<std::optional<DType>(const std::string&)>& stored) {
  return assign_precision(decide_precision(g, policy, part), stored);
}
// And with it.
Graph fused(const Graph& g, const PrecisionPolicy& policy, const std::string& part) {
  return assign_precision(fuse(decide_precision(g, policy, part)), unknown);
}

PrecisionPolicy bf16() { return resolve_precision(PrecisionRequest::BF16, {.name = "test"}).policy; }

int count(const Graph& g, const OpDef& op) {
  int n = 0;
  for (int id = 0; id < g.size(); ++id) n += g.node(id).op == &op;
  return n;
}

const Node& named(const Graph& g, const std::string& path) {
  for (int id = 0; id < g.size(); ++id)
    for (const std::string& p : g.node(id).paths)
      if (p == path) return g.node(id);
  fail(ErrorKind::Internal, "no value {}", path);
}

}  // namespace

TEST(AssignPrecision, F32NeedsNoCasts) {
  const Graph g = assigned(sample_graph(), {.name = "f32"}, "transformer", unknown);
  EXPECT_EQ(count(g, cast_op), 0);
  for (int id = 0; id < g.size(); ++id)
    EXPECT_EQ(g.node(id).spec().dtype, g.node(id).element == Element::Index ? DType::I32 : DType::F32);
}

TEST(AssignPrecision, CastsStandBeforeMatricesJoinsAndOutputsOnly) {
  for (const char* part : {"transformer", "vae", "clip_model"}) {
    const Graph g = fused(sample_graph(), bf16(), part);
    std::vector<bool> is_output(static_cast<size_t>(g.size()));
    for (const auto& o : g.outputs()) is_output[static_cast<size_t>(o.id)] = true;
    EXPECT_GT(count(g, cast_op), 0);
    for (int id = 0; id < g.size(); ++id) {
      const Node& n = g.node(id);
      if (n.op == &cast_op) {
        const Node& from = g.node(n.inputs[0]);
        EXPECT_NE(from.op, &weight_op) << "weights are converted when they are prepared";
        EXPECT_NE(from.spec().dtype, n.spec().dtype);
        EXPECT_NE(from.op, &cast_op);
      }
      for (int in : n.inputs) {
        if (g.node(in).op != &cast_op) continue;
        const NumericClass kind = n.op->numeric_class;
        EXPECT_TRUE(kind == NumericClass::Matmul || kind == NumericClass::Convolution ||
                    kind == NumericClass::Attention || n.op == &concat_rows_op)
            << n.op->name << "\n"
            << g.str();
      }
    }
  }
}

TEST(AssignPrecision, OneCastServesAllReaders) {
  Graph g;
  const Value x = g.input("x", {3, 48});
  g.output("y", add(linear(Scope(g, "a"), x, 96, false), linear(Scope(g, "b"), x, 96, false)));
  const Graph p = assigned(g, bf16(), "transformer", unknown);
  EXPECT_EQ(count(p, cast_op), 1);
}

TEST(AssignPrecision, MatricesTakeTheComputeDTypeAndAllOtherWeightsF32) {
  const Graph g = fused(sample_graph(), bf16(), "text_encoder");
  for (const char* matrix : {"q.weight", "head.weight", "w1.weight", "conv.weight"})
    EXPECT_EQ(named(g, matrix).spec().dtype, DType::BF16) << matrix;
  for (const char* vector : {"head.bias", "conv.bias", "norm1.weight", "q_norm.weight", "norm.bias"})
    EXPECT_EQ(named(g, vector).spec().dtype, DType::F32) << vector;
}

TEST(AssignPrecision, OperandsOfMatricesHaveTheComputeDType) {
  const Graph g = fused(sample_graph(), bf16(), "transformer");
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    const NumericClass kind = n.op->numeric_class;
    if (kind != NumericClass::Matmul && kind != NumericClass::Convolution && kind != NumericClass::Attention) continue;
    const size_t matrices = kind == NumericClass::Attention ? 3 : 2;
    for (size_t i = 0; i < matrices; ++i)
      EXPECT_EQ(g.node(n.inputs[i]).spec().dtype, n.precision.compute) << n.op->name << " input " << i;
  }
}

TEST(AssignPrecision, ATableStaysAsStoredWhenThatIsNoWider) {
  const auto table = [](std::optional<DType> stored, const PrecisionPolicy& policy) {
    const Graph g = assigned(sample_graph(), policy, "text_encoder", [&](const std::string&) { return stored; });
    return named(g, "table").spec().dtype;
  };
  const PrecisionPolicy f32{.name = "f32"};
  EXPECT_EQ(table(std::nullopt, f32), DType::F32);
  EXPECT_EQ(table(DType::BF16, f32), DType::BF16);
  EXPECT_EQ(table(DType::F16, f32), DType::F16);
  EXPECT_EQ(table(DType::F64, f32), DType::F32);
  EXPECT_EQ(table(std::nullopt, bf16()), DType::BF16);
  EXPECT_EQ(table(DType::F32, bf16()), DType::BF16);
  EXPECT_EQ(table(DType::F16, bf16()), DType::F16);
}

TEST(AssignPrecision, OutputsAreF32) {
  for (const char* part : {"transformer", "vae"}) {
    const Graph g = assigned(sample_graph(), bf16(), part, unknown);
    for (const auto& o : g.outputs()) EXPECT_EQ(g.node(o.id).spec().dtype, DType::F32) << part << ", " << o.name;
  }
}

TEST(AssignPrecision, LaterRulesWinByPath) {
  PrecisionPolicy policy = bf16();
  policy.rules.push_back({NumericClass::Matmul, "transformer.*w1", {DType::F32, DType::F32, DType::F32}});
  const Graph g = assigned(sample_graph(), policy, "transformer", unknown);
  EXPECT_EQ(named(g, "w1").spec().dtype, DType::F32);
  EXPECT_EQ(named(g, "w1.weight").spec().dtype, DType::F32);
  EXPECT_EQ(named(g, "w3").spec().dtype, DType::BF16);
}

TEST(AssignPrecision, MovementKeepsItsInputsDType) {
  Graph g;
  const Value wide = g.input("x", {4, 48});
  const Value narrow = silu(wide);
  const Value cut = slice_columns(narrow, 0, 8), joined = concat_rows(narrow, wide);
  g.name(cut, "cut");
  g.name(joined, "joined");
  g.output("a", silu(cut));
  g.output("b", silu(joined));
  const Graph p = assigned(g, bf16(), "transformer", unknown);
  EXPECT_EQ(named(p, "cut").spec().dtype, DType::BF16);
  EXPECT_EQ(named(p, "joined").spec().dtype, DType::F32) << "a join keeps the widest of its parts";
}

// A bias may be a weight, a view of one, a constant, or something computed and stored narrowly.
TEST(AssignPrecision, ABiasStaysF32WhateverItComesFrom) {
  Graph g;
  const Value x = g.input("x", {3, 48}), w = g.weight("w", {8, 48});
  const Value biases[] = {g.weight("b", {8}), reshape(g.weight("row", {1, 8}), {8}),
                          slice_rows(g.weight("both", {16}), 8, 16), g.constant({8}, std::vector<float>(8, 0.1f)),
                          silu(g.weight("raw", {8}))};
  for (size_t i = 0; i < std::size(biases); ++i) g.output(fmt::format("y{}", i), linear(x, w, biases[i]));
  const Value pixels = g.input("pixels", {4, 4, 3}), kernel = g.weight("kernel", {8, 3, 1, 1});
  g.output("conv", g.emit(conv2d_op, {pixels, kernel, biases[3]},
                          {{"stride", int64_t{1}}, {"padding", std::vector<int64_t>{0, 0, 0, 0}}}));
  const Value q = g.input("q", {3, 48});
  g.output("attention", attention(q, q, g.weight("values", {3, 48}), 4, 4, 0.3));

  const Graph p = assigned(g, bf16(), "transformer", unknown);
  int with_bias = 0;
  for (int id = 0; id < p.size(); ++id) {
    const Node& n = p.node(id);
    if (n.op != &linear_op && n.op != &conv2d_op) continue;
    ++with_bias;
    EXPECT_EQ(p.node(n.inputs[1]).spec().dtype, DType::BF16);
    EXPECT_EQ(p.node(n.inputs[2]).spec().dtype, DType::F32) << p.str();
  }
  EXPECT_EQ(with_bias, 6);
  EXPECT_EQ(named(p, "values").spec().dtype, DType::BF16) << "attention's third operand is no bias";

  MemoryWeights weights;
  for (int id = 0; id < g.size(); ++id)
    if (g.node(id).op == &weight_op)
      weights.add(g.node(id).paths.front(), random_tensor(g.node(id).shape, static_cast<uint64_t>(id), 0.2f));
  const Tensors inputs{
      {"x", random_tensor({3, 48}, 1)}, {"pixels", random_tensor({4, 4, 3}, 2)}, {"q", random_tensor({3, 48}, 3)}};
  const RunResult exact = execute(g, *make_reference_backend(), {.part = "transformer"}, weights, inputs);
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
    const RunResult narrow = execute(g, *backend, {.precision = bf16(), .part = "transformer"}, weights, inputs);
    for (const auto& o : g.outputs())
      EXPECT_TRUE(within_relative(narrow.output(o.name), exact.output(o.name), gamma(8, DType::BF16)))
          << backend->name() << " " << o.name;
  }
}

// A movement that is an output keeps its input's dtype and is cast after: its path is the cast's.
TEST(AssignPrecision, APathIsSeenOnce) {
  Graph g;
  const Value x = g.input("x", {4, 8});
  const Value moved = permute(silu(x), {1, 0}), part = slice_rows(silu(x), 1, 3);
  g.name(moved, "moved");
  g.name(part, "part");
  g.output("moved_out", moved);
  g.output("part_out", part);
  g.output("sum", silu(moved));
  const Graph p = assigned(g, bf16(), "transformer", unknown);
  std::map<std::string, int> seen;
  for (int id = 0; id < p.size(); ++id)
    for (const std::string& path : p.node(id).paths) ++seen[path];
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre(::testing::Pair("x", 1), ::testing::Pair("moved", 1),
                                                    ::testing::Pair("part", 1)));
  EXPECT_EQ(named(p, "moved").spec().dtype, DType::F32);

  class Counter : public Observer {
   public:
    void on_value(const std::string& path, ConstTensorView) override { ++times[path]; }
    std::map<std::string, int> times;
  } counter;
  const Program program(p, *make_reference_backend(), 1);
  ThreadPool pool(1);
  Allocator allocator;
  const MemoryWeights none;
  WeightBank bank(none, allocator);
  const Buffer arena = allocator.allocate(program.memory().arena_bytes, "arena");
  const std::vector<float> values(32, 0.5f);
  Bindings bindings;
  bindings.inputs["x"] = {{Shape{4, 8}, DType::F32}, reinterpret_cast<const std::byte*>(values.data())};
  ExecutionContext context{pool, arena.data(), {}};
  program.run(context, bank, bindings, &counter);
  EXPECT_THAT(counter.times, ::testing::UnorderedElementsAre(::testing::Pair("moved", 1), ::testing::Pair("part", 1)));
}

TEST(AssignPrecision, TheWholeRunsAndStaysNearF32) {
  const Graph g = sample_graph();
  const auto backend = make_reference_backend();
  const MemoryWeights weights = sample_weights(g);
  const RunResult exact = execute(g, *backend, {.part = "transformer"}, weights, sample_inputs());
  const RunResult fused_off = execute(g, *backend, {.part = "transformer", .fuse = false}, weights, sample_inputs());
  const RunResult narrow = execute(g, *backend, {.precision = bf16(), .part = "transformer"}, weights, sample_inputs());
  EXPECT_LT(exact.steps, fused_off.steps);
  for (const char* output : {"y", "picture"}) {
    // Some thirty roundings lie on the longest way through this graph.
    EXPECT_TRUE(within_relative(fused_off.output(output), exact.output(output), gamma(30, DType::F32)));
    EXPECT_TRUE(within_relative(narrow.output(output), exact.output(output), gamma(30, DType::BF16)));
    EXPECT_FALSE(same_bytes(narrow.output(output), exact.output(output)));
  }
}

TEST(PrecisionPolicy, GlobsMatchWholeWordsAndModules) {
  const PrecisionPolicy p{
      .rules = {{std::nullopt, "vae.*.norm", {DType::BF16}}, {std::nullopt, "exact", {DType::F16}}}};
  const auto storage = [&](const char* path) { return p.find(NumericClass::Norm, path).storage; };
  EXPECT_EQ(storage("vae.decoder.3.norm"), DType::BF16);
  EXPECT_EQ(storage("vae.decoder.3.norm.x"), DType::BF16) << "a module's rule holds for what is inside";
  EXPECT_EQ(storage("vae.decoder.3.norms.x"), DType::F32);
  EXPECT_EQ(storage("vae.norm"), DType::F32);
  EXPECT_EQ(storage("exact"), DType::F16);
  EXPECT_EQ(storage("exactly"), DType::F32);
}

TEST(ResolvePrecision, DecidesByDeviceAndSaysWhy) {
  const DeviceCaps fast{.name = "fast", .native_bf16 = true}, slow{.name = "slow"};
  EXPECT_EQ(resolve_precision(PrecisionRequest::Auto, fast).policy.name, "bf16");
  EXPECT_EQ(resolve_precision(PrecisionRequest::Auto, slow).policy.name, "f32");
  EXPECT_EQ(resolve_precision(PrecisionRequest::F32, fast).policy.name, "f32");
  EXPECT_EQ(resolve_precision(PrecisionRequest::BF16, slow).policy.name, "bf16");
  for (auto request : {PrecisionRequest::Auto, PrecisionRequest::F32, PrecisionRequest::BF16})
    for (const DeviceCaps& device : {fast, slow}) EXPECT_FALSE(resolve_precision(request, device).reasons.empty());
  EXPECT_THAT(resolve_precision(PrecisionRequest::BF16, slow).reasons.front(), ::testing::HasSubstr("slow"));
}

}  // namespace newbie::test
