// The kernels of the Vulkan backend: which ops, best first, and how each is made.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"
#include "backend/vulkan/traits.h"

namespace newbie::vulkan {

// The first in the list that takes the request; null with all their reasons when none does.
std::shared_ptr<const Kernel> make_best_kernel(const KernelRequest& request, const Traits& traits,
                                               std::string* why_not);

}  // namespace newbie::vulkan
