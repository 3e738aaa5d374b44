#include "support/graph_runner.h"

#include <algorithm>
#include <cstring>

#include "core/allocator.h"
#include "graph/ops/sources.h"

namespace newbie::test {

namespace {

const std::vector<float>& at(const Tensors& tensors, const std::string& name, std::string_view what) {
  const auto it = tensors.find(name);
  if (it == tensors.end()) fail(ErrorKind::Internal, "the run has no {} {}", what, name);
  return it->second.values;
}

class Recorder final : public Observer {
 public:
  explicit Recorder(Tensors& paths) : paths_(paths) {}
  void on_value(const std::string& path, ConstTensorView value) override { paths_[path] = as_tensor(value); }

 private:
  Tensors& paths_;
};

constexpr size_t kGuardBytes = 4096;
constexpr auto kGuard = std::byte{0xFF};  // as bf16, f16 and f32: NaN

}  // namespace

const std::vector<float>& RunResult::output(const std::string& name) const { return at(outputs, name, "output"); }
const std::vector<float>& RunResult::path(const std::string& name) const { return at(paths, name, "path"); }

RunResult run_graph(const Graph& graph, const Backend& backend, const WeightSource& weights, const Tensors& inputs,
                    const RunOptions& options) {
  const Program program(graph, backend, options.threads);
  Allocator host;
  const std::unique_ptr<MemorySpace> device = backend.make_memory();
  MemorySpace& memory = device ? *device : host;
  ThreadPool threads(options.threads);
  WeightBank bank(weights, {memory, host});
  bank.prepare(program.weights(), threads);

  std::vector<std::vector<std::byte>> bytes;  // of inputs and outputs, while the program runs
  bytes.reserve(static_cast<size_t>(graph.size()) + graph.outputs().size());
  Bindings bindings;
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    if (n.op != &input_op) continue;
    const auto it = inputs.find(n.paths.front());
    if (it == inputs.end()) fail(ErrorKind::Internal, "the test gives no input {}", n.paths.front());
    bytes.push_back(as_bytes(it->second, n.spec().dtype));
    bindings.inputs[n.paths.front()] = {{it->second.shape, n.spec().dtype}, bytes.back().data()};
  }
  for (const auto& o : graph.outputs()) {
    const TensorSpec spec = graph.node(o.id).spec();
    bytes.emplace_back(spec.bytes());
    bindings.outputs[o.name] = {spec, bytes.back().data()};
  }

  RunResult run{.memory = program.memory(), .used_arena_bytes = program.used_arena_bytes(), .steps = program.steps()};
  const Buffer arena = memory.allocate(run.memory.arena_bytes + 2 * kGuardBytes, "test arena");
  std::vector<std::byte> guards(arena.size(), kGuard);
  memory.upload(guards.data(), arena.data(), arena.size());
  const Buffer staging = host.allocate(device ? program.staging_bytes(bank) : 0, "test staging");
  ExecutionContext context{
      .threads = threads, .arena = arena.data() + kGuardBytes, .memory = device.get(), .staging = staging.data()};
  Recorder recorder(run.paths);
  program.run(context, bank, bindings, options.observe ? &recorder : nullptr);

  const auto intact = [](const std::byte* guard) {
    return std::all_of(guard, guard + kGuardBytes, [](std::byte b) { return b == kGuard; });
  };
  memory.download(arena.data(), guards.data(), arena.size());
  if (!intact(guards.data()) || !intact(guards.data() + kGuardBytes + run.memory.arena_bytes))
    fail(ErrorKind::Internal, "a kernel of {} wrote outside the arena of {} bytes", backend.name(),
         run.memory.arena_bytes);
  for (const auto& [name, view] : bindings.outputs) run.outputs[name] = as_tensor(view);
  return run;
}

RunResult execute(const Graph& graph, const Backend& backend, const CompileOptions& options,
                  const WeightSource& weights, const Tensors& inputs, bool observe) {
  return run_graph(transform(graph, options), backend, weights, inputs,
                   {.threads = options.threads, .observe = observe});
}

}  // namespace newbie::test
