// StepExecutor: one step after another, each by a HostKernel on the threads of the run. Where the arena is not the
// host's memory, inputs are uploaded first, and what observers see is downloaded.
#pragma once

#include "backend/backend.h"
#include "backend/executor.h"

namespace newbie {

class StepExecutor : public Executor {
 public:
  void run(const LoweredGraph& graph, ExecutionContext& context, const WeightBank& bank, const Bindings& bindings,
           Observer* observer) const override;

 protected:
  // `memory`: where the operands lie; null: in the host's memory.
  virtual void run_kernel(const HostKernel& kernel, const KernelArgs& args, MemorySpace* memory) const;
};

}  // namespace newbie
