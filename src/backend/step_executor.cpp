#include "backend/step_executor.h"

#include "backend/lowered_graph.h"
#include "backend/step_watch.h"
#include "core/error.h"

namespace newbie {

void StepExecutor::run_kernel(const HostKernel& kernel, const KernelArgs& args, MemorySpace* /*memory*/) const {
  kernel.run(args);
}

void StepExecutor::run(const LoweredGraph& graph, ExecutionContext& context, const WeightBank& bank,
                       const Bindings& bindings, Observer* observer) const {
  const BoundRun bound(graph, context, bank, bindings);
  bound.fill_arena();
  StreamedOperands streamed(graph, bound, bank, context);
  StepWatch watch(bound, context, observer);

  std::vector<ConstTensorView> operands;
  for (const LoweredGraph::Step& step : graph.steps) {
    context.stop.throw_if_stopped();
    operands.clear();
    streamed.begin_step();
    for (const LoweredGraph::Operand& in : step.inputs)
      operands.emplace_back(in.spec, bound.is_streamed(in.at) ? streamed.next() + in.at.offset : bound.address(in.at));
    const TensorView out{step.output.spec, bound.arena_address(step.output.at)};
    std::byte* scratch = step.scratch_block ? bound.block_address(*step.scratch_block) : nullptr;
    const auto& kernel = static_cast<const HostKernel&>(*step.kernel);  // HostBackend makes no others
    const KernelArgs args{operands, out, scratch, context.threads};
    if (context.clock != nullptr) {
      const auto start = StepClock::Clock::now();
      run_kernel(kernel, args, bound.device());
      context.clock->on_step(step.info, start, StepClock::Clock::now());
    } else {
      run_kernel(kernel, args, bound.device());
    }
    streamed.end_step();
    if (watch.sees(step)) watch.show(step);
  }
  bound.give_outputs();
}

}  // namespace newbie
