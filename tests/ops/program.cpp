// A program gives what its nodes give one by one, whatever memory they share, and uses the memory it announced.
#include "backend/program.h"

#include <gmock/gmock.h>

#include <cstring>
#include <map>
#include <random>
#include <set>

#include "core/allocator.h"
#include "graph/ops/all.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

// Every node of `graph` computed into memory of its own, outputs by name. Views are copies here.
Tensors evaluate_node_by_node(Graph& graph, const HostBackend& backend, const WeightSource& weights,
                              const Tensors& inputs) {
  ThreadPool threads(1);
  std::vector<std::vector<std::byte>> bytes(static_cast<size_t>(graph.size()));
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    std::vector<std::byte>& here = bytes[static_cast<size_t>(id)];
    here.resize(n.spec().bytes());
    if (n.op == &input_op) {
      here = as_bytes(inputs.at(n.paths.front()), n.spec().dtype);
    } else if (n.op == &weight_op) {
      weights.read(n.paths.front(), n.spec().dtype, here.data());
    } else if (n.op == &constant_op) {
      n.constant->fill(0, {reinterpret_cast<float*>(here.data()), n.constant->size()});
    } else if (n.op->view) {
      const Value base = graph.value(n.inputs[0]);
      const size_t offset = n.op->view_offset ? n.op->view_offset(std::span(&base, 1), n.attrs) : 0;
      std::copy_n(
          bytes[static_cast<size_t>(base.id())].begin() + static_cast<std::ptrdiff_t>(offset * size_of(n.spec().dtype)),
          here.size(), here.begin());
    } else {
      KernelRequest request{.op = n.op, .attrs = n.attrs, .output = n.spec(), .precision = n.precision};
      std::vector<ConstTensorView> operands;
      for (int in : n.inputs) {
        request.inputs.push_back(graph.node(in).spec());
        operands.emplace_back(graph.node(in).spec(), bytes[static_cast<size_t>(in)].data());
      }
      const auto kernel = backend.make_host_kernel(request);
      std::vector<std::byte> scratch(kernel->scratch_bytes());
      kernel->run({operands, {n.spec(), here.data()}, scratch.data(), threads});
    }
  }
  Tensors out;
  for (const auto& o : graph.outputs())
    out[o.name] = as_tensor({graph.node(o.id).spec(), bytes[static_cast<size_t>(o.id)].data()});
  return out;
}

void expect_same_as_node_by_node(Graph& g, const Tensors& inputs) {
  const auto backend = make_reference_backend();
  const MemoryWeights none;
  const Tensors want = evaluate_node_by_node(g, *backend, none, inputs);
  for (int threads : {1, 2, 7}) {
    const RunResult run = run_graph(g, *backend, none, inputs, {.threads = threads});
    EXPECT_EQ(run.used_arena_bytes, run.memory.arena_bytes);
    for (const auto& [name, tensor] : want)
      ASSERT_TRUE(same_bytes(run.output(name), tensor.values)) << name << ", " << threads << " threads";
  }
}

// A graph of element-wise ops, views and concatenations over [rows, width], with values read late and outputs from the
// middle.
Graph random_graph(uint64_t seed, int64_t rows, int64_t width) {
  std::mt19937_64 engine(seed);
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine); };
  Graph g;
  std::vector<Value> values{g.input("a", {rows, width}), g.input("b", {rows, width})};
  for (int i = 0; i < 40; ++i) {
    const Value x = values[values.size() - 1 - below(std::min<size_t>(values.size(), 5))],
                y = values[below(values.size())];
    const Value row = slice_rows(y, static_cast<int64_t>(below(static_cast<size_t>(rows))), rows);
    switch (below(9)) {
      case 0: values.push_back(silu(x)); break;
      case 1: values.push_back(tanh(x)); break;
      case 2: values.push_back(tanh(add(x, y))); break;
      case 3: values.push_back(tanh(mul(x, y))); break;
      case 4: values.push_back(tanh(modulate(x, slice_rows(row, 0, 1)))); break;
      case 5: values.push_back(tanh(gated_residual(x, y, slice_rows(row, 0, 1)))); break;
      case 6: values.push_back(reshape(silu(reshape(x, {width, rows})), {rows, width})); break;
      case 7: {
        const auto cut = static_cast<int64_t>(below(static_cast<size_t>(rows)));
        values.push_back(concat_rows(slice_rows(x, cut, rows), slice_rows(y, 0, cut)));
        break;
      }
      case 8: values.push_back(swiglu(x, y)); break;
    }
  }
  for (int i = 0; i < 3; ++i) g.output(fmt::format("middle{}", i), values[below(values.size())]);
  g.output("last", values.back());
  return g;
}

}  // namespace

TEST(Program, SharedMemoryNeverChangesAResult) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const int64_t rows = 1 + static_cast<int64_t>(seed % 4), width = seed % 2 == 0 ? 48 : 1300;
    Graph g = random_graph(seed, rows, width);
    expect_same_as_node_by_node(
        g, {{"a", random_tensor({rows, width}, 2 * seed)}, {"b", random_tensor({rows, width}, 2 * seed + 1)}});
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(Program, AnOperandThatIsAViewOfTheFirstKeepsItsBytes) {
  // The result may not take over x's memory: the row that every row is multiplied with lies in it.
  Graph g;
  const Value x = silu(g.input("x", {3, 4096}));
  g.output("y", mul(x, slice_rows(x, 0, 1)));
  expect_same_as_node_by_node(g, {{"x", random_tensor({3, 4096}, 1)}});
}

TEST(Program, InPlaceSavesMemory) {
  Graph g;
  Value x = silu(g.input("x", {129, 288}));
  for (int i = 0; i < 5; ++i) x = tanh(x);
  g.output("y", x);
  const Program program(g, *make_reference_backend(), 1);
  EXPECT_EQ(program.memory().arena_bytes, 129u * 288u * sizeof(float));
}

TEST(Program, NearlyEqualAttributesAreDifferentKernels) {
  // Equal in six digits, not in ten.
  Graph g;
  const Value x = g.input("x", {1, 1});
  g.output("a", add_scalar(x, 1000000.25));
  g.output("b", add_scalar(x, 1000000.75));
  const auto backend = make_reference_backend();
  const RunResult run = run_graph(g, *backend, MemoryWeights(), {{"x", {{1, 1}, {0.0f}}}});
  EXPECT_EQ(run.output("a").front(), 1000000.25f);
  EXPECT_EQ(run.output("b").front(), 1000000.75f);
}

TEST(Program, ScratchIsPartOfTheArena) {
  Graph g;
  g.output("y", linear(g.input("x", {33, 48}), g.weight("w", {96, 48})));
  for (int threads : {1, 7}) {
    const Program program(g, *make_reference_backend(), threads);
    EXPECT_GT(program.memory().scratch_bytes, 0u);
    EXPECT_GE(program.memory().arena_bytes, program.memory().scratch_bytes + 33u * 96u * sizeof(float));
    EXPECT_EQ(program.used_arena_bytes(), program.memory().arena_bytes);
  }
}

TEST(Program, InputsAndConstantsAndTheirViewsCanBeOutputs) {
  Graph g;
  const Value x = g.input("x", {2, 3});
  g.output("x", x);
  g.output("row", slice_rows(x, 1, 2));
  g.output("constant", g.constant({2}, {4.0f, 5.0f}));
  const auto backend = make_reference_backend();
  const RunResult run =
      run_graph(g, *backend, MemoryWeights(), {{"x", {{2, 3}, {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}}}});
  EXPECT_THAT(run.output("x"), ::testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(run.output("row"), ::testing::ElementsAre(4, 5, 6));
  EXPECT_THAT(run.output("constant"), ::testing::ElementsAre(4, 5));
  EXPECT_EQ(run.memory.arena_bytes, 0u);
  EXPECT_EQ(run.memory.constant_bytes, 8u);
}

// 0, 1, 2, … : made in the arena at every run, and nowhere before.
TEST(Program, ATableThatARuleMakesTakesNothingBeforeItRuns) {
  Graph g;
  const Constant rule(1000, [](size_t first, std::span<float> out) {
    for (float& value : out) value = static_cast<float>(first++);
  });
  const Value table = g.constant({10, 100}, rule);
  g.output("sum", add(g.input("x", {10, 100}), table));
  g.output("row", slice_rows(g.constant({10, 100}, rule.negated()), 9, 10));
  const auto backend = make_reference_backend();
  const Program program(g, *backend, 1);
  EXPECT_EQ(program.memory().constant_bytes, 0u);
  EXPECT_GE(program.memory().arena_bytes, 2 * 1000 * sizeof(float));
  EXPECT_EQ(program.used_arena_bytes(), program.memory().arena_bytes);
  const RunResult run = run_graph(g, *backend, MemoryWeights(), {{"x", {{10, 100}, std::vector<float>(1000, 0.5f)}}});
  EXPECT_EQ(run.output("sum").front(), 0.5f);
  EXPECT_EQ(run.output("sum").back(), 999.5f);
  EXPECT_EQ(run.output("row").front(), -900.0f);
}

TEST(Constant, ARuleAndItsNegationKnowEachOther) {
  const Constant rule(3, [](size_t first, std::span<float> out) {
    for (float& value : out) value = static_cast<float>(first++);
  });
  EXPECT_THAT(rule.values(), ::testing::ElementsAre(0, 1, 2));
  EXPECT_THAT(rule.negated().values(), ::testing::ElementsAre(0, -1, -2));
  EXPECT_TRUE(rule.negated().is_negated(rule));
  EXPECT_TRUE(rule.is_negated(rule.negated()));
  EXPECT_FALSE(rule.is_negated(rule));
  EXPECT_FALSE(rule.negated().is_negated(Constant(std::vector<float>{0, 1, 2})));
  EXPECT_TRUE(Constant(std::vector<float>{-1}).is_negated(Constant(std::vector<float>{1})));
}

TEST(Program, AViewOfAWeightIsThatPartOfTheWeight) {
  Graph g;
  g.output("y", silu(slice_rows(g.weight("positions", {4, 2}), 1, 2)));
  const auto backend = make_reference_backend();
  MemoryWeights weights;
  weights.add("positions", {{4, 2}, {1.0f, 2.0f, 30.0f, 40.0f, 5.0f, 6.0f, 7.0f, 8.0f}});
  EXPECT_THAT(run_graph(g, *backend, weights, {}).output("y"), ::testing::ElementsAre(30, 40));
}

TEST(Program, PathsAreSeenAndViewsToo) {
  Graph g;
  const Value x = silu(g.input("x", {2, 3}));
  g.name(x, "block.act");
  const Value row = slice_rows(x, 1, 2);
  g.name(row, "block.row");
  g.output("y", tanh(row));
  const auto backend = make_reference_backend();
  const RunResult run = run_graph(g, *backend, MemoryWeights(), {{"x", random_tensor({2, 3}, 1)}}, {.observe = true});
  const std::vector<float>& all = run.path("block.act");
  EXPECT_TRUE(same_bytes(run.path("block.row"), std::vector<float>(all.begin() + 3, all.end())));
}

// Kept as stored, converted, and packed by the cpu backend; a matrix that two steps read, and one that two read at
// once.
TEST(Program, StreamedWeightsGiveTheSameBytes) {
  constexpr int64_t kSide = 160;  // so that a matrix is worth its own pages of a file, and a row is not
  for (const DType stored : {DType::F32, DType::BF16}) {
    Graph g;
    Value x = g.input("x", {5, kSide});
    const Value w = g.weight("w", {kSide, kSide});
    x = linear(tanh(linear(x, w)), w);
    x = linear(x, g.weight("v", {kSide, kSide}), g.weight("bias", {kSide}));
    x = add(x, slice_rows(g.weight("rows", {9, kSide}), 2, 7));
    g.output("y", mul(x, x));
    MemoryWeights weights;
    for (const char* name : {"w", "v"}) weights.add(name, random_tensor({kSide, kSide}, 1, 0.1f), stored);
    weights.add("bias", random_tensor({kSide}, 3), stored);
    weights.add("rows", random_tensor({9, kSide}, 4), stored);
    const Tensor input = random_tensor({5, kSide}, 5);

    for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
      const Program program(g, *backend, 2);
      Allocator allocator;
      ThreadPool threads(2);
      const Buffer arena = allocator.allocate(program.memory().arena_bytes, "test arena");
      std::vector<float> want;
      for (const StreamedWeights& streamed :
           std::initializer_list<StreamedWeights>{{}, {"w"}, {"w", "v", "bias", "rows"}}) {
        WeightBank bank(weights, allocator, streamed);
        const WeightBank::Plan plan = bank.plan(program.weights());
        const size_t before = allocator.in_use_bytes();
        bank.prepare(program.weights(), threads);
        EXPECT_EQ(allocator.in_use_bytes() - before, plan.kept.bytes);
        const Buffer window = allocator.allocate(program.window_bytes(bank), "test window");
        std::vector<float> y(5 * kSide);
        const Bindings bindings{
            .inputs = {{"x", {{{5, kSide}, DType::F32}, reinterpret_cast<const std::byte*>(input.values.data())}}},
            .outputs = {{"y", {{{5, kSide}, DType::F32}, reinterpret_cast<std::byte*>(y.data())}}}};
        ExecutionContext context{.threads = threads, .arena = arena.data(), .window = window.data()};
        program.run(context, bank, bindings);
        if (want.empty()) want = y;
        EXPECT_TRUE(same_bytes(y, want)) << backend->name() << ", " << streamed.size() << " streamed";
        const size_t held = allocator.in_use_bytes();
        bank.prepare(program.weights(), threads);
        EXPECT_EQ(allocator.in_use_bytes(), held) << "what is prepared is prepared once";
        // w is read by two steps. What lies in the file as it is wanted takes no window.
        const size_t read = program.streaming(bank).read_bytes;
        const bool lies_ready = stored == DType::F32 && backend->name() == "reference";
        const size_t small = streamed.contains("bias") ? size_t{(1 + 9) * kSide} * size_of(stored) : 0;
        if (streamed.empty())
          EXPECT_EQ(read, 0U);
        else
          EXPECT_GE(read, small + size_t{2 * kSide * kSide} * size_of(stored));
        if (lies_ready) {
          EXPECT_LT(window.size(), size_t{kSide * kSide} * size_of(stored));  // for rows at most
        }
      }
    }
  }
}

// What a bank prepared, as another run finds it; remembers what is read and given back.
class KeptWeights final : public PackedWeights {
 public:
  KeptWeights(const WeightBank& bank, const std::vector<WeightUse>& uses) {
    for (const WeightUse& use : uses) {
      if (!bank.needs_work(use)) continue;
      Buffer& copy = weights_[use.key()] = allocator_.allocate(bank.prepared_bytes(use), "kept");
      std::memcpy(copy.data(), bank.find(use), copy.size());
    }
  }
  std::span<const std::byte> find(std::string_view key) const override {
    const auto found = weights_.find(key);
    if (found == weights_.end()) return {};
    return {found->second.data(), found->second.size()};
  }
  void load(std::string_view key) const override { present.insert(std::string(key)); }
  void release(std::string_view key) const override { present.erase(std::string(key)); }
  size_t count() const { return weights_.size(); }
  void shorten(const std::string& key) { weights_[key] = allocator_.allocate(weights_[key].size() - 1, "short"); }
  const std::string& first() const { return weights_.begin()->first; }

  mutable std::set<std::string> present;

 private:
  Allocator allocator_;
  std::map<std::string, Buffer, std::less<>> weights_;
};

// Counts what has to be converted or packed.
class CountedWeights final : public WeightSource {
 public:
  explicit CountedWeights(const WeightSource& source) : source_(source) {}
  std::optional<TensorSpec> find(std::string_view name) const override { return source_.find(name); }
  ConstTensorView mapped(std::string_view name) const override { return source_.mapped(name); }
  void read(std::string_view name, DType dtype, std::byte* destination) const override {
    source_.read(name, dtype, destination);
  }
  void release(std::string_view) const override { ++prepared; }  // after every preparation

  mutable size_t prepared = 0;

 private:
  const WeightSource& source_;
};

// Kept, streamed, and both; nothing is prepared again, and no page stays longer than its weight.
TEST(Program, PackedWeightsAreUsedWhereTheyLie) {
  Graph g;
  Value x = g.input("x", {5, 64});
  x = linear(tanh(linear(x, g.weight("w", {64, 64}))), g.weight("v", {64, 64}), g.weight("bias", {64}));
  g.output("y", x);
  MemoryWeights stored;
  for (const char* name : {"w", "v"}) stored.add(name, random_tensor({64, 64}, 1, 0.1f), DType::BF16);
  stored.add("bias", random_tensor({64}, 3), DType::BF16);
  const CountedWeights weights(stored);
  const Tensor input = random_tensor({5, 64}, 5);

  for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
    const Program program(g, *backend, 2);
    Allocator allocator;
    ThreadPool threads(2);
    const Buffer arena = allocator.allocate(program.memory().arena_bytes, "test arena");
    const auto run = [&](const WeightBank& bank) {
      const Buffer window = allocator.allocate(program.window_bytes(bank), "test window");
      std::vector<float> y(5 * 64);
      const Bindings bindings{
          .inputs = {{"x", {{{5, 64}, DType::F32}, reinterpret_cast<const std::byte*>(input.values.data())}}},
          .outputs = {{"y", {{{5, 64}, DType::F32}, reinterpret_cast<std::byte*>(y.data())}}}};
      ExecutionContext context{.threads = threads, .arena = arena.data(), .window = window.data()};
      program.run(context, bank, bindings);
      return y;
    };
    WeightBank first(weights, allocator);
    first.prepare(program.weights(), threads);
    const std::vector<float> want = run(first);
    KeptWeights kept(first, program.weights());
    EXPECT_EQ(kept.count(), 3u);

    for (const StreamedWeights& streamed : std::initializer_list<StreamedWeights>{{}, {"w"}, {"w", "v", "bias"}}) {
      weights.prepared = 0;
      const size_t before = allocator.in_use_bytes();
      {
        WeightBank bank(weights, allocator, streamed, &kept);
        const WeightBank::Plan plan = bank.plan(program.weights());
        EXPECT_EQ(plan.peak_bytes, 0u);
        EXPECT_EQ(program.window_bytes(bank), 0u);
        EXPECT_EQ(program.streaming(bank).read_bytes > 0, !streamed.empty());
        bank.prepare(program.weights(), threads);
        EXPECT_EQ(bank.kept().page_bytes, plan.kept.page_bytes);
        EXPECT_EQ(allocator.in_use_bytes(), before);
        for (int again = 0; again < 2; ++again) {
          EXPECT_TRUE(same_bytes(run(bank), want)) << backend->name() << ", " << streamed.size() << " streamed";
          EXPECT_EQ(kept.present.size(), 3 - streamed.size());
        }
      }
      EXPECT_EQ(weights.prepared, 0u);
      EXPECT_TRUE(kept.present.empty());
    }

    // One that is too short is none.
    kept.shorten(kept.first());
    WeightBank bank(weights, allocator, {}, &kept);
    bank.prepare(program.weights(), threads);
    EXPECT_EQ(weights.prepared, 1u);
    EXPECT_TRUE(same_bytes(run(bank), want)) << backend->name();
  }
}

TEST(Program, BindingsAreChecked) {
  Graph g;
  g.output("y", silu(g.input("x", {2, 3})));
  const Program program(g, *make_reference_backend(), 1);
  Allocator allocator;
  const MemoryWeights none;
  const WeightBank bank(none, allocator);
  ThreadPool threads(1);
  const Buffer arena = allocator.allocate(program.memory().arena_bytes, "test");
  ExecutionContext context{.threads = threads, .arena = arena.data()};
  const auto kind_of = [&](const Bindings& bindings) {
    try {
      program.run(context, bank, bindings);
    } catch (const Error& e) {
      return e.kind();
    }
    return ErrorKind::Internal;
  };
  std::vector<float> values(6);
  const auto view = [&](const Shape& s, DType d) {
    return TensorView{{s, d}, reinterpret_cast<std::byte*>(values.data())};
  };
  EXPECT_EQ(kind_of({}), ErrorKind::InvalidRequest);
  EXPECT_EQ(kind_of({.inputs = {{"x", view({3, 2}, DType::F32)}}}), ErrorKind::InvalidRequest);
  EXPECT_EQ(kind_of({.inputs = {{"x", view({2, 3}, DType::BF16)}}}), ErrorKind::InvalidRequest);
  EXPECT_EQ(kind_of({.inputs = {{"x", view({2, 3}, DType::F32)}}, .outputs = {{"y", view({6}, DType::F32)}}}),
            ErrorKind::InvalidRequest);

  const std::atomic<bool> stop = true;
  context.stop = StopToken(&stop);
  EXPECT_EQ(kind_of({.inputs = {{"x", view({2, 3}, DType::F32)}}}), ErrorKind::Cancelled);
}

TEST(Program, AMissingOrMisshapenWeightIsABadFile) {
  Graph g;
  g.output("y", linear(g.input("x", {2, 3}), g.weight("w", {4, 3})));
  const auto backend = make_reference_backend();
  const auto message = [&](const MemoryWeights& weights) {
    try {
      run_graph(g, *backend, weights, {{"x", random_tensor({2, 3}, 1)}});
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::BadFile);
      return e.message();
    }
    return std::string("no error");
  };
  MemoryWeights other;
  other.add("w", random_tensor({3, 4}, 1));
  EXPECT_THAT(message(MemoryWeights()), ::testing::HasSubstr("no such weight"));
  EXPECT_THAT(message(other), ::testing::HasSubstr("[3, 4]"));
}

}  // namespace newbie::test
