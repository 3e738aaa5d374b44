// In a program that was built without Vulkan.
#include "backend/vulkan_devices.h"
#include "core/error.h"

namespace newbie {

VulkanListing list_vulkan_devices() {
  return {.devices = {}, .problem = "this program was built without its Vulkan backend"};
}

std::unique_ptr<Backend> make_vulkan_backend(std::string_view, VulkanOptions) {
  fail_with_hint(ErrorKind::Unsupported, "build it with libvulkan-dev and glslang-tools installed", "{}",
                 list_vulkan_devices().problem);
}

size_t free_device_bytes(const Backend&) { return 0; }

}  // namespace newbie
