#include "backend/step_executor.h"

#include "backend/bound_run.h"
#include "backend/host_copies.h"
#include "backend/lowered_graph.h"
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
  HostCopies copies(bound.device());

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
    if (context.value_fault != nullptr && *context.value_fault)
      for (const auto& path : step.paths) {
        const TensorView value = copies.of(out.spec, out.data);
        (*context.value_fault)(path, value);
        copies.put_back(value, out.data);
      }
    if (observer == nullptr) continue;
    for (const auto& path : step.paths) observer->on_value(path, copies.of(out.spec, out.data));
    for (const auto& [path, view] : step.named_views)
      observer->on_value(path, copies.of(view.spec, bound.address(view.at)));
  }
  bound.give_outputs();
}

}  // namespace newbie
