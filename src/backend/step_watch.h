// StepWatch: those who look at what a step made: tests that break values, and observers.
#pragma once

#include "backend/bound_run.h"
#include "backend/host_copies.h"

namespace newbie {

class StepWatch {
 public:
  StepWatch(const BoundRun& bound, const ExecutionContext& context, Observer* observer)
      : bound_(bound),
        fault_(context.value_fault != nullptr && *context.value_fault ? context.value_fault : nullptr),
        observer_(observer),
        copies_(bound.device()) {}

  // Whether show() would show something: then the step has to be done by then.
  bool sees(const LoweredGraph::Step& step) const {
    return (fault_ != nullptr && !step.paths.empty()) ||
           (observer_ != nullptr && !(step.paths.empty() && step.named_views.empty()));
  }
  void show(const LoweredGraph::Step& step) {
    std::byte* const output = bound_.arena_address(step.output.at);
    if (fault_ != nullptr)
      for (const auto& path : step.paths) {
        const TensorView value = copies_.of(step.output.spec, output);
        (*fault_)(path, value);
        copies_.put_back(value, output);
      }
    if (observer_ == nullptr) return;
    for (const auto& path : step.paths) observer_->on_value(path, copies_.of(step.output.spec, output));
    for (const auto& [path, view] : step.named_views)
      observer_->on_value(path, copies_.of(view.spec, bound_.address(view.at)));
  }

 private:
  const BoundRun& bound_;
  const ValueFault* fault_;
  Observer* observer_;
  HostCopies copies_;
};

}  // namespace newbie
