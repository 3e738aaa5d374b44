// One program, many runs at once: each in its own arena, on a pool of its own or a shared one. The preset tsan runs
// this too: nothing of a run may be kept in the program, its kernels or its weights.
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "backend/program.h"
#include "core/allocator.h"
#include "graph/ops/all.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

constexpr int kRunners = 2, kRuns = 8;

// Every kernel family that keeps something between runs could be one of these.
Graph block(DType compute) {
  Graph g;
  const Scope scope(g);
  Value x = g.input("x", {40, 96});
  Value y = rms_norm(scope / "norm", x, 96, 1e-6);
  Value q = linear(scope / "q", y, 96, true), k = linear(scope / "k", y, 96, false),
        v = linear(scope / "v", y, 96, true);
  x = add(x, linear(scope / "out", attention(q, k, v, 2, 2, 0.14), 96, true));
  x = add(x, linear(scope / "down", swiglu(linear(scope / "gate", x, 160, false), linear(scope / "up", x, 160, false)),
                    96, false));
  Value picture = reshape(x, {8, 15, 32});
  picture = silu(group_norm(scope / "groups", picture, 8, 1e-6));
  picture = conv2d(scope / "conv", picture, 32, 3, 1, {1, 1, 1, 1});
  g.output("y", max_pool2d(upsample_nearest(picture), 2, 2, {}));
  return transform(g, {.precision = preset_policy(PrecisionPreset::BF16, compute), .part = "block", .threads = 2});
}

MemoryWeights weights_for(const Graph& g) {
  MemoryWeights weights;
  for (int id = 0; id < g.size(); ++id)
    if (const Node& n = g.node(id); n.op == &weight_op)
      weights.add(n.paths.front(), random_tensor(n.shape, static_cast<uint64_t>(id) + 1, 0.1f));
  return weights;
}

class ConcurrentRuns : public ::testing::TestWithParam<DType> {};

}  // namespace

TEST_P(ConcurrentRuns, GiveWhatOneGives) {
  const Graph g = block(GetParam());
  const MemoryWeights weights = weights_for(g);
  for (const auto& backend : {make_cpu_backend(), make_reference_backend()}) {
    const Program program(g, *backend, 2);
    Allocator allocator;
    ThreadPool shared(2);
    WeightBank bank(weights, allocator);
    bank.prepare(program.weights(), shared);
    const TensorSpec in{{40, 96}, DType::F32};
    TensorSpec out;
    for (const auto& o : g.outputs()) out = g.node(o.id).spec();

    // Each runner has inputs of its own, so that a result that went to the other is seen.
    const auto run = [&](int runner, ThreadPool& threads) {
      const Tensor x = random_tensor(in.shape, static_cast<uint64_t>(runner) + 100);
      std::vector<float> y(out.shape.elements());
      const Buffer arena = allocator.allocate(program.memory().arena_bytes, "test arena");
      ExecutionContext context{.threads = threads, .arena = arena.data()};
      program.run(context, bank,
                  {.inputs = {{"x", {in, reinterpret_cast<const std::byte*>(x.values.data())}}},
                   .outputs = {{"y", {out, reinterpret_cast<std::byte*>(y.data())}}}});
      return y;
    };
    std::vector<std::vector<float>> want;
    for (int runner = 0; runner < kRunners; ++runner) want.push_back(run(runner, shared));

    for (const bool own_pools : {true, false}) {
      std::latch start(kRunners);
      std::vector<std::vector<std::vector<float>>> got(kRunners);
      std::vector<std::thread> runners;
      for (int runner = 0; runner < kRunners; ++runner)
        runners.emplace_back([&, runner] {
          ThreadPool own(own_pools ? 2 : 1);
          start.arrive_and_wait();
          for (int i = 0; i < kRuns; ++i)
            got[static_cast<size_t>(runner)].push_back(run(runner, own_pools ? own : shared));
        });
      for (std::thread& runner : runners) runner.join();
      for (size_t runner = 0; runner < kRunners; ++runner)
        for (const auto& y : got[runner])
          EXPECT_TRUE(same_bytes(y, want[runner])) << backend->name() << ", runner " << runner;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes, ConcurrentRuns, ::testing::Values(DType::F32, DType::BF16),
                         [](const auto& i) { return std::string(to_string(i.param)); });

}  // namespace newbie::test
