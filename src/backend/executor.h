// Executor: how the steps of a lowered graph are run on a device.
#pragma once

#include "backend/execution.h"

namespace newbie {

struct LoweredGraph;
class WeightBank;

// Holds nothing of a run: many threads may run one graph at once, each with a context of its own.
class Executor {
 public:
  virtual ~Executor() = default;
  // As Program::run.
  virtual void run(const LoweredGraph& graph, ExecutionContext& context, const WeightBank& bank,
                   const Bindings& bindings, Observer* observer) const = 0;
};

}  // namespace newbie
