#include "backend/vulkan/executor.h"

#include "backend/host_step.h"
#include "backend/step_watch.h"
#include "backend/vulkan/kernel.h"
#include "backend/vulkan/memory.h"

namespace newbie::vulkan {

namespace {

void run_on_host(const HostStep& step, const LoweredGraph::Step& of, const Addresses& at, MemorySpace& memory,
                 const LoweredGraph& graph, ExecutionContext& context) {
  if (context.staging == nullptr) fail(ErrorKind::Internal, "{}: a run without staging", step.name());
  std::vector<ConstTensorView> operands;
  for (size_t i = 0; i < of.inputs.size(); ++i) {
    const LoweredGraph::Operand& in = of.inputs[i];
    const bool on_host = in.at.place == LoweredGraph::Place::Weight && graph.weights[in.at.index].by_rows;
    if (on_host) {
      operands.emplace_back(in.spec, at.inputs[i]);
      continue;
    }
    if (step.reads_rows_of(i))
      fail(ErrorKind::Unsupported, "{}: {} is read by rows and as a whole", step.name(),
           graph.weights[in.at.index].name);
    std::byte* const here = context.staging + step.input_offset(i);
    memory.download(at.inputs[i], here, in.spec.bytes());
    operands.emplace_back(in.spec, here);
  }
  const TensorView output{of.output.spec, context.staging + step.output_offset()};
  step.kernel().run({operands, output, context.staging + step.kernel_scratch_offset(), context.threads});
  memory.upload(output.data, at.output, output.spec.bytes());
}

}  // namespace

void VulkanExecutor::run(const LoweredGraph& graph, ExecutionContext& context, const WeightBank& bank,
                         const Bindings& bindings, Observer* observer) const {
  const auto* memory = dynamic_cast<const Memory*>(context.memory);
  if (memory == nullptr || &memory->device() != device_.get())
    fail(ErrorKind::Internal, "a run whose arena is not in the memory of {}", device_->words().name);
  const BoundRun bound(graph, context, bank, bindings);
  bound.fill_arena();
  StreamedOperands streamed(graph, bound, bank, context);
  StepWatch watch(bound, context, observer);
  Recorder recorder(*device_, context.stop);

  std::vector<const std::byte*> inputs;
  for (const LoweredGraph::Step& step : graph.steps) {
    context.stop.throw_if_stopped();
    streamed.begin_step();
    inputs.clear();
    for (const LoweredGraph::Operand& in : step.inputs) {
      const bool from_window = bound.is_streamed(in.at);
      if (from_window) recorder.finish();  // what reads the window now
      inputs.push_back(from_window ? streamed.next() + in.at.offset : bound.address(in.at));
    }
    const Addresses at{inputs, bound.arena_address(step.output.at),
                       step.scratch_block ? bound.block_address(*step.scratch_block) : nullptr};
    const auto* on_host = dynamic_cast<const HostStep*>(step.kernel.get());
    if (on_host != nullptr || context.clock != nullptr) recorder.finish();
    const auto start = StepClock::Clock::now();
    if (on_host != nullptr) {
      run_on_host(*on_host, step, at, *context.memory, graph, context);
    } else {
      recorder.barrier();
      static_cast<const DeviceKernel&>(*step.kernel).record(recorder, at);  // the backend makes no others
    }
    if (context.clock != nullptr) {
      recorder.finish();
      context.clock->on_step(step.info, start, StepClock::Clock::now());
    }
    streamed.end_step();

    if (!watch.sees(step)) continue;
    recorder.finish();
    watch.show(step);
  }
  recorder.finish();
  bound.give_outputs();
}

}  // namespace newbie::vulkan
