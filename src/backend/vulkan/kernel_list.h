// The kernels of the Vulkan backend: which ops, best first, and how each is made.
#pragma once

#include <span>

#include "backend/vulkan/kernel.h"

namespace newbie::vulkan {

struct KernelMaker {
  const OpDef* op;
  // Null with a reason when it is not for this request.
  std::shared_ptr<const Kernel> (*make)(const KernelRequest& request, const Device& device, std::string* why_not);
};
std::span<const KernelMaker> kernel_makers();

}  // namespace newbie::vulkan
