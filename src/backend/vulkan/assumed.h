// A card that is not here: kernels are chosen for it, and plans made, as for one that is. It draws nothing.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace newbie::vulkan {

std::unique_ptr<Backend> make_assumed_backend();
bool is_assumed(const Backend& backend);

}  // namespace newbie::vulkan
