// The seam for devices, proved without one: on a backend whose memory the host cannot touch
// (support/protected_backend.h) every op gives the same bits, and every byte that is planned is allocated.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "backend/program.h"
#include "core/allocator.h"
#include "graph/ops/all.h"
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"
#include "support/protected_backend.h"

namespace newbie::test {

namespace {

// Whether the host may read a byte, asked of the system instead of a fault.
bool host_may_read(const std::byte* at) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  const bool may = ::write(ends[1], at, 1) == 1;
  ::close(ends[0]);
  ::close(ends[1]);
  return may;
}

const std::byte* bytes_of(const std::vector<float>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

class ProtectedCase : public ::testing::TestWithParam<size_t> {};

// Two matrices, a table, a view of a weight and a constant.
struct Small {
  Graph graph;
  MemoryWeights weights;
  Tensors inputs;

  explicit Small(DType stored) {
    Value x = embedding(graph.input("ids", {5}, Element::Index), graph.weight("table", {9, 64}));
    x = add(x, graph.input("x", {5, 64}));
    x = linear(tanh(linear(x, graph.weight("w", {64, 64}))), graph.weight("v", {64, 64}), graph.weight("bias", {64}));
    x = mul(x, graph.constant({64}, random_tensor({64}, 7).values));
    graph.name(x, "scaled");
    x = add(x, slice_rows(graph.weight("rows", {9, 64}), 2, 7));
    graph.name(slice_rows(x, 1, 3), "middle");
    graph.output("y", x);
    for (const char* name : {"w", "v"}) weights.add(name, random_tensor({64, 64}, 1, 0.1f), stored);
    for (const char* name : {"table", "rows"}) weights.add(name, random_tensor({9, 64}, 2), stored);
    weights.add("bias", random_tensor({64}, 3), stored);
    inputs = {{"ids", {{5}, {1, 8, 0, 3, 1}}}, {"x", random_tensor({5, 64}, 5)}};
  }
};

class Recorded final : public Observer {
 public:
  void on_value(const std::string& path, ConstTensorView value) override { seen[path] = as_tensor(value).values; }
  std::map<std::string, std::vector<float>> seen;
};

// A program on protected memory, with everything around it that a run needs.
class ProtectedRun {
 public:
  ProtectedRun(const Small& small, StreamedWeights streamed, MemorySpace::FaultHook device_fault = {},
               MemorySpace::FaultHook host_fault = {})
      : host_(std::move(host_fault)),
        memory_(backend_.make_memory(std::move(device_fault))),
        program_(small.graph, backend_, 2),
        bank_(small.weights, {*memory_, host_}, std::move(streamed)) {
    for (const auto& [name, tensor] : small.inputs)
      bytes_[name] = as_bytes(tensor, name == "ids" ? DType::I32 : DType::F32);
  }

  // Weights, once; then all that a run allocates, one after the other, which is given back at its end.
  std::vector<float> run(Observer* observer = nullptr, const ValueFault& fault = {}) {
    load();
    const Buffer arena = memory_->allocate(program_.memory().arena_bytes, "arena");
    const Buffer window = memory_->allocate(program_.window_bytes(bank_), "window");
    const Buffer staging = host_.allocate(program_.staging_bytes(bank_), "staging");
    const size_t before = memory_->in_use_bytes(), before_on_host = host_.in_use_bytes();
    std::vector<float> y(5 * 64);
    Bindings bindings{.inputs = {{"ids", {{{5}, DType::I32}, bytes_["ids"].data()}},
                                 {"x", {{{5, 64}, DType::F32}, bytes_["x"].data()}}},
                      .outputs = {{"y", {{{5, 64}, DType::F32}, reinterpret_cast<std::byte*>(y.data())}}}};
    ExecutionContext context{.threads = threads_,
                             .arena = arena.data(),
                             .value_fault = &fault,
                             .window = window.data(),
                             .memory = memory_.get(),
                             .staging = staging.data()};
    memory_->reset_peak();
    program_.run(context, bank_, bindings, observer);
    EXPECT_EQ(memory_->peak_bytes(), before);  // a run allocates nothing
    EXPECT_EQ(host_.in_use_bytes(), before_on_host);
    EXPECT_FALSE(host_may_read(arena.data()));
    return y;
  }

 private:
  void load() {
    if (loaded_) return;
    const WeightBank::Plan plan = bank_.plan(program_.weights());
    bank_.prepare(program_.weights(), threads_);
    EXPECT_EQ(memory_->in_use_bytes(), plan.kept.bytes);
    EXPECT_EQ(memory_->peak_bytes(), plan.peak_bytes);
    EXPECT_EQ(host_.in_use_bytes(), plan.kept.host_bytes);
    EXPECT_EQ(host_.peak_bytes(), plan.host_peak_bytes);
    loaded_ = true;
  }

  ProtectedBackend backend_{make_cpu_backend()};
  Allocator host_;
  std::unique_ptr<MemorySpace> memory_;
  ThreadPool threads_{2};
  Program program_;
  WeightBank bank_;
  bool loaded_ = false;
  std::map<std::string, std::vector<std::byte>> bytes_;
};

}  // namespace

TEST(ProtectedMemory, TheHostCannotTouchIt) {
  ProtectedMemory memory;
  const Buffer buffer = memory.allocate(100, "a test");
  EXPECT_FALSE(host_may_read(buffer.data()));
  const std::vector<float> there{1, 2, 3};
  memory.upload(bytes_of(there), buffer.data(), 12);
  EXPECT_FALSE(host_may_read(buffer.data()));
  memory.copy(buffer.data(), buffer.data() + 64, 12);
  std::vector<float> back(3);
  memory.download(buffer.data() + 64, reinterpret_cast<std::byte*>(back.data()), 12);
  EXPECT_EQ(back, there);
  EXPECT_THROW(memory.upload(bytes_of(there), buffer.data() + (size_t{1} << 20), 12), Error);
}

TEST_P(ProtectedCase, GivesTheSameBits) {
  const OpCase& c = all_cases()[GetParam()];
  const auto cpu = make_cpu_backend();
  const ProtectedBackend device(make_cpu_backend());
  for (const CaseDTypes& dtypes : dtypes_for(c)) {
    const Graph g = op_graph(c, dtypes);
    const RunResult want = run_graph(g, *cpu, weights_of(c), inputs_of(c));
    const RunResult got = run_graph(g, device, weights_of(c), inputs_of(c), {.observe = true});
    EXPECT_TRUE(same_bytes(got.output("y"), want.output("y"))) << dtypes.name;
    EXPECT_EQ(got.used_arena_bytes, got.memory.arena_bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, ProtectedCase, ::testing::ValuesIn(case_numbers([](const OpCase&) { return true; })),
                         [](const auto& i) { return case_name(i.param); });

TEST(ProtectedMemory, PlannedBytesAreAllocatedInBothSpaces) {
  for (const DType stored : {DType::F32, DType::BF16}) {
    const Small small(stored);
    const auto cpu = make_cpu_backend();
    const std::vector<float> want = run_graph(small.graph, *cpu, small.weights, small.inputs).output("y");
    for (const StreamedWeights& streamed :
         std::initializer_list<StreamedWeights>{{}, {"w"}, {"w", "v", "bias", "rows", "table"}}) {
      ProtectedRun run(small, streamed);
      EXPECT_TRUE(same_bytes(run.run(), want)) << streamed.size() << " streamed, stored as " << to_string(stored);
      EXPECT_TRUE(same_bytes(run.run(), want)) << "again";
    }
  }
}

TEST(ProtectedMemory, ObserversAndFaultsReadThroughIt) {
  const Small small(DType::F32);
  const RunResult want = run_graph(small.graph, *make_cpu_backend(), small.weights, small.inputs, {.observe = true});
  Recorded seen;
  ProtectedRun run(small, {});
  run.run(&seen);
  ASSERT_EQ(seen.seen.size(), want.paths.size());
  for (const auto& [path, tensor] : want.paths) EXPECT_TRUE(same_bytes(seen.seen.at(path), tensor.values)) << path;

  const ValueFault zeros = [](const std::string& path, TensorView value) {
    if (path == "scaled") std::fill_n(value.as<float>(), value.spec.shape.elements(), 0.0f);
  };
  const std::vector<float> y = run.run(nullptr, zeros);
  const Tensor rows = random_tensor({9, 64}, 2);
  EXPECT_TRUE(same_bytes(y, std::span(rows.values).subspan(2 * 64, 5 * 64)));
}

TEST(ProtectedMemory, EveryAllocationMayFail) {
  const Small small(DType::BF16);
  size_t device_calls = 0, host_calls = 0;
  ProtectedRun(
      small, {"w"}, [&](size_t, size_t) { return ++device_calls != 0; },
      [&](size_t, size_t) { return ++host_calls != 0; })
      .run();
  EXPECT_GT(device_calls, 3u);
  EXPECT_GT(host_calls, 1u);
  for (size_t n = 0; n < device_calls; ++n)
    EXPECT_THROW(ProtectedRun(small, {"w"}, [n](size_t call, size_t) { return call != n; }).run(), Error) << n;
  for (size_t n = 0; n < host_calls; ++n)
    EXPECT_THROW(ProtectedRun(small, {"w"}, {}, [n](size_t call, size_t) { return call != n; }).run(), Error) << n;
}

// What one program made stays on the device for the next: no byte of it comes to the host.
TEST(ProtectedMemory, ProgramsHandTensorsOnByTheirAddress) {
  Graph first, second;
  first.output("h", silu(first.input("x", {4, 32})));
  second.output("y", tanh(second.input("h", {4, 32})));
  const ProtectedBackend backend(make_cpu_backend());
  const Program a(first, backend, 1), b(second, backend, 1);
  ProtectedMemory memory;
  Allocator host;
  ThreadPool threads(1);
  const MemoryWeights none;
  const WeightBank bank(none, {memory, host});
  const TensorSpec spec{{4, 32}, DType::F32};
  const Tensor x = random_tensor(spec.shape, 1);
  std::vector<float> y(4 * 32);
  const Buffer arena = memory.allocate(std::max(a.memory().arena_bytes, b.memory().arena_bytes), "arena");
  const Buffer between = memory.allocate(spec.bytes(), "between two programs");
  ExecutionContext context{.threads = threads, .arena = arena.data(), .memory = &memory};
  a.run(context, bank,
        {.inputs = {{"x", {spec, bytes_of(x.values)}}}, .outputs = {{"h", {spec, between.data(), &memory}}}});
  const Bindings there{.inputs = {{"h", {spec, between.data(), &memory}}},
                       .outputs = {{"y", {spec, reinterpret_cast<std::byte*>(y.data())}}}};
  b.run(context, bank, there);
  Graph both;
  both.output("y", tanh(silu(both.input("x", {4, 32}))));
  EXPECT_TRUE(same_bytes(y, run_graph(both, *make_cpu_backend(), none, {{"x", x}}).output("y")));

  ProtectedMemory other;
  context.memory = &other;
  EXPECT_THROW(b.run(context, bank, there), Error);  // the tensor lies on another device
}

}  // namespace newbie::test
