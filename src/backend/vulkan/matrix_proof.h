// Matrix units are used where they were seen to be right: drivers report some that are not.
#pragma once

#include <memory>
#include <string>

#include "backend/vulkan/device.h"

namespace newbie::vulkan {

// Multiplies small whole numbers, which are exact, by each kind of unit that the device reports, and has it use those
// that give the right products. What it says of the others; empty: there are none. Milliseconds on a card.
std::string prove_matrix_units(const std::shared_ptr<Device>& device);

}  // namespace newbie::vulkan
