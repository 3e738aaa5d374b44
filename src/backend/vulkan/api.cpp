#include "backend/vulkan/api.h"

#include <dlfcn.h>

namespace newbie::vulkan {

namespace {

struct Opened {
  Loader loader;
  std::string why;  // not: empty
};

Opened open_loader() {
  Opened out;
  constexpr const char* kName = "libvulkan.so.1";
  void* const library = ::dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    out.why = fmt::format("there is no Vulkan loader ({})", kName);
    return out;
  }
  out.loader.GetInstanceProcAddr =
      reinterpret_cast<PFN_vkGetInstanceProcAddr>(::dlsym(library, "vkGetInstanceProcAddr"));
  if (out.loader.GetInstanceProcAddr == nullptr) {
    out.why = fmt::format("{} is no Vulkan loader", kName);
    return out;
  }
#define NEWBIE_VULKAN_FIND(name) \
  out.loader.name = reinterpret_cast<PFN_vk##name>(out.loader.GetInstanceProcAddr(nullptr, "vk" #name));
  NEWBIE_VULKAN_GLOBAL(NEWBIE_VULKAN_FIND)
#undef NEWBIE_VULKAN_FIND
  uint32_t version = VK_API_VERSION_1_0;
  if (out.loader.EnumerateInstanceVersion != nullptr) out.loader.EnumerateInstanceVersion(&version);
  if (out.loader.CreateInstance == nullptr || version < VK_API_VERSION_1_2)
    out.why = fmt::format("the Vulkan loader knows version {}.{}, 1.2 is needed", VK_API_VERSION_MAJOR(version),
                          VK_API_VERSION_MINOR(version));
  return out;
}

}  // namespace

const Loader* find_loader(std::string& why) {
  static const Opened opened = open_loader();
  why = opened.why;
  return why.empty() ? &opened.loader : nullptr;
}

void InstanceApi::load(const Loader& loader, VkInstance instance) {
#define NEWBIE_VULKAN_FIND(name)                                                                                \
  if (name = reinterpret_cast<PFN_vk##name>(loader.GetInstanceProcAddr(instance, "vk" #name)); name == nullptr) \
    fail(ErrorKind::Unsupported, "the Vulkan driver has no vk" #name);
  NEWBIE_VULKAN_INSTANCE(NEWBIE_VULKAN_FIND)
#undef NEWBIE_VULKAN_FIND
}

void DeviceApi::load(const InstanceApi& api, VkDevice device) {
#define NEWBIE_VULKAN_FIND(name)                                                                         \
  if (name = reinterpret_cast<PFN_vk##name>(api.GetDeviceProcAddr(device, "vk" #name)); name == nullptr) \
    fail(ErrorKind::Unsupported, "the Vulkan driver has no vk" #name);
  NEWBIE_VULKAN_DEVICE(NEWBIE_VULKAN_FIND)
#undef NEWBIE_VULKAN_FIND
}

const char* words(VkResult result) {
  switch (result) {
    case VK_SUCCESS: return "success";
    case VK_NOT_READY: return "not ready";
    case VK_TIMEOUT: return "it took too long";
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "the host is out of memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "the device is out of memory";
    case VK_ERROR_INITIALIZATION_FAILED: return "it could not be initialised";
    case VK_ERROR_DEVICE_LOST: return "the device is lost";
    case VK_ERROR_MEMORY_MAP_FAILED: return "memory could not be mapped";
    case VK_ERROR_LAYER_NOT_PRESENT: return "a layer is missing";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "an extension is missing";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "a feature is missing";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "no driver was found";
    case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
    default: return "an unknown reason";
  }
}

}  // namespace newbie::vulkan
