// A Vulkan instance and the devices that it finds, judged: what each has, and why it is not taken.
#pragma once

#include <memory>
#include <vector>

#include "backend/vulkan/api.h"
#include "backend/vulkan/traits.h"
#include "backend/vulkan_devices.h"

namespace newbie::vulkan {

struct FoundDevice {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  VulkanDevice words;
  uint32_t queue_family = 0;
  MatrixUnits units;  // that it reports and our shaders can use
  bool reports_budget = false;
};

class Instance {
 public:
  // Error{Unsupported} when there is no loader, or no driver.
  Instance();
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const InstanceApi& api() const { return api_; }
  const std::vector<FoundDevice>& devices() const { return devices_; }

 private:
  FoundDevice judge(VkPhysicalDevice handle, int number) const;
  MatrixUnits units_of(VkPhysicalDevice handle, const VkPhysicalDeviceVulkan12Features& has) const;

  VkInstance instance_ = VK_NULL_HANDLE;
  InstanceApi api_;
  GetCooperativeMatrixProperties get_matrix_properties_ = nullptr;  // where the loader has it
  std::vector<FoundDevice> devices_;
};

// Of the heap that is the device's own: its size, and what the driver lets this process have of it; 0: not said.
struct HeapBytes {
  size_t size = 0, free = 0;
};
HeapBytes heap_bytes(const InstanceApi& api, const FoundDevice& device);

}  // namespace newbie::vulkan
