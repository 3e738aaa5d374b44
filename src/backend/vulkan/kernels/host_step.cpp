// What the host does for the device.
#include "backend/host_step.h"

#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

KernelOrNot make_host_step(const KernelRequest& request, const Traits&, std::string* why_not) {
  const std::unique_ptr<HostBackend> cpu = make_cpu_backend();
  auto kernel = cpu->make_host_kernel(request, why_not);
  if (!kernel) return nullptr;
  return std::make_shared<HostStep>(std::move(kernel), request);
}

}  // namespace newbie::vulkan
