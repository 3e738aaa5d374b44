// Groups of heads on the way back through attention: the numbers of all heads at once, and fewer of them held.
#include <gmock/gmock.h>

#include "graph/ops/attention.h"
#include "graph/ops/attention_gradient.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {
namespace {

constexpr int64_t kHeads = 6, kKvHeads = 3, kSize = 8, kQueries = 20, kKeys = 28;

Graph way_back(int64_t most_scores, AttentionMask mask, int64_t keys) {
  Graph g;
  const Value q = g.input("q", {kQueries, kHeads * kSize}), k = g.input("k", {keys, kKvHeads * kSize}),
              v = g.input("v", {keys, kKvHeads * kSize}), dy = g.input("dy", {kQueries, kHeads * kSize});
  const Value y = attention(q, k, v, kHeads, kKvHeads, 0.3, mask);
  const Attrs attrs = g.node(y.id()).attrs;
  const std::vector<Value> inputs{q, k, v};
  const Gradients made = attention_gradients({inputs, y, attrs}, dy, most_scores);
  const char* names[] = {"dq", "dk", "dv"};
  for (size_t i = 0; i < made.size(); ++i) g.output(names[i], made[i]);
  return g;
}

}  // namespace

TEST(AttentionGroups, AreTheNumbersOfAllAtOnce) {
  for (const AttentionMask mask : {AttentionMask{}, AttentionMask{.causal = true, .window = 7}}) {
    const int64_t keys = mask.causal ? kQueries : kKeys;
    Tensors inputs;
    uint64_t seed = 1;
    for (const char* name : {"q", "dy"}) inputs[name] = random_tensor({kQueries, kHeads * kSize}, seed++);
    for (const char* name : {"k", "v"}) inputs[name] = random_tensor({keys, kKvHeads * kSize}, seed++);
    const int64_t of_one = kHeads / kKvHeads * kQueries * keys;
    for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
      const RunResult want = run_graph(way_back(1 << 30, mask, keys), *backend, MemoryWeights(), inputs);
      for (const int64_t most : {int64_t{1}, of_one, 2 * of_one}) {
        const Graph g = way_back(most, mask, keys);
        const RunResult got = run_graph(g, *backend, MemoryWeights(), inputs);
        for (const char* name : {"dq", "dk", "dv"}) EXPECT_EQ(got.output(name), want.output(name)) << name;
        int64_t largest = 0;
        for (int id = 0; id < g.size(); ++id)
          if (g.node(id).op == &attention_softmax_op)
            largest = std::max(largest, static_cast<int64_t>(g.node(id).shape.elements()));
        EXPECT_EQ(largest, std::max(most, of_one));
      }
    }
  }
}

}  // namespace newbie::test
