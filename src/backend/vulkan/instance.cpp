#include "backend/vulkan/instance.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "backend/vulkan/matrix_proof.h"
#include "backend/vulkan/recorder.h"

namespace newbie {

VulkanListing list_vulkan_devices() try {
  const auto instance = std::make_shared<const vulkan::Instance>();
  VulkanListing out;
  for (const vulkan::FoundDevice& found : instance->devices()) {
    VulkanDevice& words = out.devices.emplace_back(found.words);
    if (!words.matrices || !words.refusal.empty()) continue;
    if (!vulkan::has_matrix_unit_shaders()) {
      words.units_refusal = "this program was built by a compiler that does not know them (glslang before 13)";
      continue;
    }
    words.units_refusal = "none that it reports has a shape that is used here";
    if (!found.units.any()) continue;
    try {
      const auto device = std::make_shared<vulkan::Device>(instance, found, VulkanOptions{});
      words.units_refusal = vulkan::prove_matrix_units(device);
      words.units = device->traits().units.words();
    } catch (const Error& e) {
      words.refusal = e.message();
    }
  }
  return out;
} catch (const Error& e) {
  return {.devices = {}, .problem = e.message()};
}

namespace vulkan {

namespace {

VulkanDevice::Kind kind_of(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return VulkanDevice::Kind::Discrete;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return VulkanDevice::Kind::Integrated;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return VulkanDevice::Kind::Virtual;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return VulkanDevice::Kind::Software;
    default: return VulkanDevice::Kind::Other;
  }
}

// The limits that the shaders are written for.
std::string short_limit(const VkPhysicalDeviceLimits& limits) {
  const auto below = [](const char* what, uint32_t has, uint32_t needs) {
    return has < needs ? fmt::format("{} of {}, {} needed", what, has, needs) : std::string();
  };
  for (std::string why : {below("shared memory", limits.maxComputeSharedMemorySize, 32768),
                          below("groups", limits.maxComputeWorkGroupInvocations, 256),
                          below("push constants", limits.maxPushConstantsSize, kPushBytes),
                          below("groups in a dispatch", limits.maxComputeWorkGroupCount[1], kMostGroups)})
    if (!why.empty()) return why;
  return {};
}

}  // namespace

Instance::Instance() {
  std::string why;
  const Loader* loader = find_loader(why);
  if (loader == nullptr)
    fail_with_hint(ErrorKind::Unsupported, "install libvulkan1 and your card's driver, or use the CPU", "{}", why);
  const VkApplicationInfo application{.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                      .pNext = nullptr,
                                      .pApplicationName = "newbie",
                                      .applicationVersion = 0,
                                      .pEngineName = "newbie",
                                      .engineVersion = 0,
                                      .apiVersion = VK_API_VERSION_1_2};
  VkInstanceCreateInfo info{.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
  info.pApplicationInfo = &application;
  const VkResult made = loader->CreateInstance(&info, nullptr, &instance_);
  if (made != VK_SUCCESS)
    fail_with_hint(ErrorKind::Unsupported, "install your card's Vulkan driver, or use the CPU",
                   "Vulkan does not start: {}", words(made));
  try {
    api_.load(*loader, instance_);
    get_matrix_properties_ = reinterpret_cast<GetCooperativeMatrixProperties>(
        loader->GetInstanceProcAddr(instance_, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR"));
    uint32_t count = 0;
    VkResult listed = api_.EnumeratePhysicalDevices(instance_, &count, nullptr);
    std::vector<VkPhysicalDevice> handles(count);
    if (listed == VK_SUCCESS && count != 0) listed = api_.EnumeratePhysicalDevices(instance_, &count, handles.data());
    if (listed != VK_SUCCESS || count == 0)
      fail_with_hint(ErrorKind::Unsupported, "install your card's Vulkan driver, or use the CPU",
                     "Vulkan has no device{}{}", listed == VK_SUCCESS ? "" : ": ",
                     listed == VK_SUCCESS ? "" : words(listed));
    handles.resize(count);
    for (VkPhysicalDevice handle : handles) devices_.push_back(judge(handle, static_cast<int>(devices_.size())));
  } catch (...) {
    if (api_.DestroyInstance != nullptr) api_.DestroyInstance(instance_, nullptr);
    throw;
  }
}

Instance::~Instance() { api_.DestroyInstance(instance_, nullptr); }

FoundDevice Instance::judge(VkPhysicalDevice handle, int number) const {
  FoundDevice out{.handle = handle};
  VkPhysicalDeviceDriverProperties driver{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
  VkPhysicalDeviceSubgroupProperties subgroup{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                              .pNext = &driver};
  VkPhysicalDeviceProperties2 properties{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = nullptr};
  api_.GetPhysicalDeviceProperties2(handle, &properties);
  const VkPhysicalDeviceProperties& p = properties.properties;
  VulkanDevice& w = out.words;
  w.number = number;
  w.name = p.deviceName;
  w.kind = kind_of(p.deviceType);
  w.version = fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(p.apiVersion), VK_API_VERSION_MINOR(p.apiVersion),
                          VK_API_VERSION_PATCH(p.apiVersion));
  if (p.apiVersion < VK_API_VERSION_1_2) {
    w.refusal = fmt::format("it knows Vulkan {}, 1.2 is needed", w.version);
    return out;
  }
  properties.pNext = &subgroup;
  api_.GetPhysicalDeviceProperties2(handle, &properties);
  w.driver = fmt::format("{} {}", driver.driverName, driver.driverInfo);
  w.subgroup = static_cast<int>(subgroup.subgroupSize);

  uint32_t count = 0;
  api_.EnumerateDeviceExtensionProperties(handle, nullptr, &count, nullptr);
  std::vector<VkExtensionProperties> extensions(count);
  api_.EnumerateDeviceExtensionProperties(handle, nullptr, &count, extensions.data());
  const auto has = [&](const char* name) {
    return std::ranges::any_of(extensions, [&](const auto& e) { return std::strcmp(e.extensionName, name) == 0; });
  };
  out.reports_budget = has(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  w.matrices = has(kCooperativeMatrix);
  w.bf16 = has("VK_KHR_shader_bfloat16");

  VkPhysicalDeviceVulkan12Features v12{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkPhysicalDeviceVulkan11Features v11{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &v12};
  VkPhysicalDeviceFeatures2 features{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v11};
  api_.GetPhysicalDeviceFeatures2(handle, &features);
  w.f16 = v12.shaderFloat16 != 0;
  w.int8 = v12.shaderInt8 != 0;
  if (w.matrices && has_matrix_unit_shaders()) out.units = units_of(handle, v12);
  out.units.subgroup = subgroup.subgroupSize;

  api_.GetPhysicalDeviceQueueFamilyProperties(handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  api_.GetPhysicalDeviceQueueFamilyProperties(handle, &count, families.data());
  std::optional<uint32_t> family;  // one for computing alone before one that draws, too
  for (uint32_t i = 0; i < count; ++i)
    if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) != 0 &&
        (!family || (families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) == 0))
      family = i;
  out.queue_family = family.value_or(0);

  const HeapBytes heap = heap_bytes(api_, out);
  w.memory_bytes = heap.size;
  w.free_bytes = heap.free;
  if (!family)
    w.refusal = "it cannot compute";
  else if (v12.bufferDeviceAddress == 0)
    w.refusal = "its shaders cannot use addresses (bufferDeviceAddress)";
  else if (v11.storageBuffer16BitAccess == 0)
    w.refusal = "its shaders cannot read 16-bit numbers (storageBuffer16BitAccess)";
  else
    w.refusal = short_limit(p.limits);
  return out;
}

// Of the shapes that it reports one each, the largest that the tiles of shaders/matrix_units.comp are made for.
MatrixUnits Instance::units_of(VkPhysicalDevice handle, const VkPhysicalDeviceVulkan12Features& has) const {
  CooperativeMatrixFeatures matrices;
  VkPhysicalDeviceFeatures2 features{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &matrices};
  api_.GetPhysicalDeviceFeatures2(handle, &features);
  if (get_matrix_properties_ == nullptr || matrices.cooperativeMatrix == 0 || has.vulkanMemoryModel == 0) return {};
  uint32_t count = 0;
  if (get_matrix_properties_(handle, &count, nullptr) != VK_SUCCESS) return {};
  std::vector<CooperativeMatrixProperties> shapes(count);
  if (get_matrix_properties_(handle, &count, shapes.data()) != VK_SUCCESS) return {};
  const auto best = [&](ComponentType operands, ComponentType sums) {
    std::optional<MatrixShape> out;
    for (const CooperativeMatrixProperties& p : std::span(shapes).first(std::min<size_t>(count, shapes.size()))) {
      const bool fits = (p.m == 8 || p.m == 16) && (p.n == 8 || p.n == 16) && (p.k == 8 || p.k == 16 || p.k == 32);
      if (!fits || p.scope != kScopeSubgroup || p.saturating != 0 || p.a != operands || p.b != operands ||
          p.c != sums || p.result != sums)
        continue;
      if (!out || p.m * p.n * p.k > out->m * out->n * out->k) out = MatrixShape{p.m, p.n, p.k};
    }
    return out;
  };
  MatrixUnits out;
  if (has.shaderFloat16 != 0) out.f16 = best(ComponentType::Float16, ComponentType::Float32);
  if (has.shaderInt8 != 0) out.int8 = best(ComponentType::Sint8, ComponentType::Sint32);
  return out;
}

HeapBytes heap_bytes(const InstanceApi& api, const FoundDevice& device) {
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{.sType =
                                                       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
  VkPhysicalDeviceMemoryProperties2 memory{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
  if (device.reports_budget) memory.pNext = &budget;
  api.GetPhysicalDeviceMemoryProperties2(device.handle, &memory);
  HeapBytes out;
  const VkPhysicalDeviceMemoryProperties& m = memory.memoryProperties;
  for (uint32_t i = 0; i < m.memoryHeapCount; ++i) {
    if ((m.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) == 0 || m.memoryHeaps[i].size <= out.size) continue;
    out.size = m.memoryHeaps[i].size;
    out.free = 0;
    if (device.reports_budget && budget.heapBudget[i] > budget.heapUsage[i])
      out.free = budget.heapBudget[i] - budget.heapUsage[i];
  }
  return out;
}

}  // namespace vulkan
}  // namespace newbie
