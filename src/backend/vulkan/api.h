// The functions of Vulkan that are used here, found in libvulkan.so.1 when it is asked for: the program neither links
// nor needs it. Vulkan's own headers are included here and nowhere outside this folder.
#pragma once

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include <string>

#include "core/error.h"

namespace newbie::vulkan {

// VK_KHR_cooperative_matrix, which is newer than the headers of the Debian that this is built on: numbers and members
// of the Vulkan specification.
inline constexpr const char* kCooperativeMatrix = "VK_KHR_cooperative_matrix";
struct CooperativeMatrixFeatures {
  VkStructureType sType = static_cast<VkStructureType>(1000506000);
  void* pNext = nullptr;
  VkBool32 cooperativeMatrix = VK_FALSE, cooperativeMatrixRobustBufferAccess = VK_FALSE;
};
enum class ComponentType : int32_t { Float16 = 0, Float32 = 1, Sint8 = 3, Sint32 = 5 };
struct CooperativeMatrixProperties {
  VkStructureType sType = static_cast<VkStructureType>(1000506001);
  void* pNext = nullptr;
  uint32_t m = 0, n = 0, k = 0;
  ComponentType a = {}, b = {}, c = {}, result = {};
  VkBool32 saturating = VK_FALSE;
  int32_t scope = 0;
};
inline constexpr int32_t kScopeSubgroup = 3;
using GetCooperativeMatrixProperties = VkResult(VKAPI_PTR*)(VkPhysicalDevice, uint32_t*, CooperativeMatrixProperties*);

#define NEWBIE_VULKAN_GLOBAL(F) F(CreateInstance) F(EnumerateInstanceVersion)

// The formatter lays these lists out differently each time.
// clang-format off
#define NEWBIE_VULKAN_INSTANCE(F) \
  F(DestroyInstance) \
  F(EnumeratePhysicalDevices) \
  F(GetPhysicalDeviceProperties2) \
  F(GetPhysicalDeviceFeatures2) \
  F(GetPhysicalDeviceMemoryProperties2) \
  F(GetPhysicalDeviceQueueFamilyProperties) \
  F(EnumerateDeviceExtensionProperties) \
  F(CreateDevice) \
  F(GetDeviceProcAddr)

#define NEWBIE_VULKAN_DEVICE(F) \
  F(DestroyDevice) \
  F(GetDeviceQueue) \
  F(CreateBuffer) \
  F(DestroyBuffer) \
  F(GetBufferMemoryRequirements) \
  F(AllocateMemory) \
  F(FreeMemory) \
  F(BindBufferMemory) \
  F(MapMemory) \
  F(GetBufferDeviceAddress) \
  F(CreateShaderModule) \
  F(DestroyShaderModule) \
  F(CreatePipelineLayout) \
  F(DestroyPipelineLayout) \
  F(CreateComputePipelines) \
  F(DestroyPipeline) \
  F(CreatePipelineCache) \
  F(DestroyPipelineCache) \
  F(CreateCommandPool) \
  F(DestroyCommandPool) \
  F(AllocateCommandBuffers) \
  F(ResetCommandPool) \
  F(BeginCommandBuffer) \
  F(EndCommandBuffer) \
  F(CmdBindPipeline) \
  F(CmdPushConstants) \
  F(CmdDispatchBase) \
  F(CmdPipelineBarrier) \
  F(CmdCopyBuffer) \
  F(CreateFence) \
  F(DestroyFence) \
  F(ResetFences) \
  F(WaitForFences) \
  F(QueueSubmit)
// clang-format on

#define NEWBIE_VULKAN_DECLARE(name) PFN_vk##name name = nullptr;

// Of the loader; opened once in the life of the process, and kept.
struct Loader {
  PFN_vkGetInstanceProcAddr GetInstanceProcAddr = nullptr;
  NEWBIE_VULKAN_GLOBAL(NEWBIE_VULKAN_DECLARE)
};
// Null when there is no loader, or one that does not know Vulkan 1.2; `why` tells.
const Loader* find_loader(std::string& why);

struct InstanceApi {
  NEWBIE_VULKAN_INSTANCE(NEWBIE_VULKAN_DECLARE)
  void load(const Loader& loader, VkInstance instance);
};

struct DeviceApi {
  NEWBIE_VULKAN_DEVICE(NEWBIE_VULKAN_DECLARE)
  void load(const InstanceApi& api, VkDevice device);
};

const char* words(VkResult result);

}  // namespace newbie::vulkan
