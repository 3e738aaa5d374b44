// What networks can run on here, as JSON: newbie devices --json, and newbie_devices of the C interface.
#pragma once

#include "backend/device_caps.h"
#include "backend/vulkan_devices.h"
#include "core/json.h"

namespace newbie {

OrderedJson devices_json(const DeviceCaps& cpu, const VulkanListing& listing);

}  // namespace newbie
