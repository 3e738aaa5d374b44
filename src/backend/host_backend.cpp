#include "backend/step_executor.h"

namespace newbie {

std::shared_ptr<const Kernel> HostBackend::make_kernel(const KernelRequest& request, std::string* why_not) const {
  return make_host_kernel(request, why_not);
}

std::unique_ptr<Executor> HostBackend::make_executor() const { return std::make_unique<StepExecutor>(); }

}  // namespace newbie
