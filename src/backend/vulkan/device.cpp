#include "backend/vulkan/device.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string_view>

#include "backend/vulkan/push.h"

namespace newbie::vulkan {

namespace {

constexpr double kLeastWork = 2e7, kMostWork = 1e13;
constexpr double kSecondsOfSubmission = 0.1;

}  // namespace

Device::Device(std::shared_ptr<const Instance> instance, const FoundDevice& found, VulkanOptions options)
    : instance_(std::move(instance)),
      found_(found),
      options_(std::move(options)),
      work_(options_.work_of_submission > 0 ? options_.work_of_submission
            : is_software()                 ? 2e8
                                            : 2e9) {
  const float priority = 1;
  VkDeviceQueueCreateInfo queue{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
  queue.queueFamilyIndex = found.queue_family;
  queue.queueCount = 1;
  queue.pQueuePriorities = &priority;
  VkPhysicalDeviceVulkan12Features v12{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  v12.bufferDeviceAddress = VK_TRUE;
  VkPhysicalDeviceVulkan11Features v11{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &v12};
  v11.storageBuffer16BitAccess = VK_TRUE;
  VkDeviceCreateInfo info{.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &v11};
  CooperativeMatrixFeatures matrices{.cooperativeMatrix = VK_TRUE};
  if (found.units.any()) {
    v12.vulkanMemoryModel = VK_TRUE;
    v12.shaderFloat16 = found.units.f16.has_value();
    v12.shaderInt8 = found.units.int8.has_value();
    v12.pNext = &matrices;
    info.enabledExtensionCount = 1;
    info.ppEnabledExtensionNames = &kCooperativeMatrix;
  }
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queue;
  const VkResult made =
      call("CreateDevice", [&] { return instance_->api().CreateDevice(found.handle, &info, nullptr, &device_); });
  if (made != VK_SUCCESS)
    fail_with_hint(ErrorKind::Unsupported, "`newbie devices` lists others; the CPU always works",
                   "{} does not start: {}", found.words.name, vulkan::words(made));
  try {
    api_.load(instance_->api(), device_);
    api_.GetDeviceQueue(device_, found.queue_family, 0, &queue_);
    VkPhysicalDeviceMemoryProperties2 memory{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    instance_->api().GetPhysicalDeviceMemoryProperties2(found.handle, &memory);
    memory_ = memory.memoryProperties;

    const VkPushConstantRange range{VK_SHADER_STAGE_COMPUTE_BIT, 0, kPushBytes};
    VkPipelineLayoutCreateInfo layout{.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    layout.pushConstantRangeCount = 1;
    layout.pPushConstantRanges = &range;
    check(call("CreatePipelineLayout", [&] { return api_.CreatePipelineLayout(device_, &layout, nullptr, &layout_); }),
          "starting");
    const VkPipelineCacheCreateInfo cache{.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    check(call("CreatePipelineCache", [&] { return api_.CreatePipelineCache(device_, &cache, nullptr, &cache_); }),
          "starting");
  } catch (...) {
    if (layout_ != VK_NULL_HANDLE) api_.DestroyPipelineLayout(device_, layout_, nullptr);
    if (api_.DestroyDevice != nullptr) api_.DestroyDevice(device_, nullptr);
    throw;
  }
}

// Whoever submitted something has waited for it.
Device::~Device() {
  if (abandoned_) {
    // Of devices that were not destroyed. Never destroyed itself: at the process's end their drivers may be at work.
    static std::mutex mutex;
    static auto& kept = *new std::vector<std::shared_ptr<const Instance>>();
    const std::lock_guard lock(mutex);
    kept.push_back(instance_);
    return;
  }
  for (const auto& [key, pipeline] : pipelines_) api_.DestroyPipeline(device_, pipeline, nullptr);
  for (const auto& [shader, module] : modules_) api_.DestroyShaderModule(device_, module, nullptr);
  api_.DestroyPipelineCache(device_, cache_, nullptr);
  api_.DestroyPipelineLayout(device_, layout_, nullptr);
  api_.DestroyDevice(device_, nullptr);
}

bool Device::maps_memory() const {
  return !options_.staged && (is_software() || found_.words.kind == VulkanDevice::Kind::Integrated);
}

VkResult Device::injected(const char* name) {
  const std::string_view call = name;
  if (call == "QueueSubmit" || call == "WaitForFences") return VK_ERROR_DEVICE_LOST;
  return call == "CreateDevice" ? VK_ERROR_INITIALIZATION_FAILED : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

void Device::check(VkResult result, const char* doing) const {
  if (result == VK_ERROR_DEVICE_LOST) lost_ = true;
  if (lost_)
    fail_with_hint(ErrorKind::Unsupported,
                   "start again; if it comes back, the system's log tells more, and the CPU works", "{}: {}: {}",
                   found_.words.name, doing, abandoned_ ? "the device does not answer" : "the device is lost");
  if (result == VK_SUCCESS) return;
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
    fail_with_hint(ErrorKind::OverBudget, "close other programs that use it, or ask for a smaller picture",
                   "{}: {}: {}", found_.words.name, doing, vulkan::words(result));
  fail(ErrorKind::Unsupported, "{}: {}: {}", found_.words.name, doing, vulkan::words(result));
}

std::optional<uint32_t> Device::memory_type(uint32_t allowed, VkMemoryPropertyFlags wanted,
                                            VkMemoryPropertyFlags liked) const {
  std::optional<uint32_t> best;
  int most = -1;
  for (uint32_t i = 0; i < memory_.memoryTypeCount; ++i) {
    const VkMemoryPropertyFlags has = memory_.memoryTypes[i].propertyFlags;
    if ((allowed & (1u << i)) == 0 || (has & wanted) != wanted) continue;
    if (const int found = std::popcount(has & liked); found > most) {
      most = found;
      best = i;
    }
  }
  return best;
}

VkPipeline Device::pipeline(Shader shader, const std::vector<uint32_t>& constants) {
  const std::lock_guard lock(pipeline_mutex_);
  auto& out = pipelines_[{shader, constants}];
  if (out != VK_NULL_HANDLE) return out;
  VkShaderModule& module = modules_[shader];
  if (module == VK_NULL_HANDLE) {
    const std::span<const uint32_t> code = code_of(shader);
    VkShaderModuleCreateInfo info{.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
    info.codeSize = code.size_bytes();
    info.pCode = code.data();
    check(call("CreateShaderModule", [&] { return api_.CreateShaderModule(device_, &info, nullptr, &module); }),
          "reading a shader");
  }
  std::vector<VkSpecializationMapEntry> entries;
  for (uint32_t i = 0; i < constants.size(); ++i) entries.push_back({i, i * 4, 4});
  const VkSpecializationInfo special{static_cast<uint32_t>(entries.size()), entries.data(), constants.size() * 4,
                                     constants.data()};
  VkComputePipelineCreateInfo info{.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
  info.flags = VK_PIPELINE_CREATE_DISPATCH_BASE;
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = module;
  info.stage.pName = "main";
  info.stage.pSpecializationInfo = &special;
  info.layout = layout_;
  check(call("CreateComputePipelines",
             [&] { return api_.CreateComputePipelines(device_, cache_, 1, &info, nullptr, &out); }),
        "compiling a shader");
  return out;
}

void Device::submit(VkCommandBuffer commands, VkFence fence) {
  check(VK_SUCCESS, "submitting work");  // nothing goes to a lost device
  VkSubmitInfo info{.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
  info.commandBufferCount = 1;
  info.pCommandBuffers = &commands;
  const std::lock_guard lock(queue_mutex_);
  check(call("QueueSubmit", [&] { return api_.QueueSubmit(queue_, 1, &info, fence); }), "submitting work");
}

VkResult Device::wait_for(VkFence fence) const noexcept {
  const double seconds = options_.patience_seconds > 0 ? options_.patience_seconds : is_software() ? 600 : 60;
  const VkResult result = api_.WaitForFences(device_, 1, &fence, VK_TRUE, static_cast<uint64_t>(seconds * 1e9));
  if (result == VK_TIMEOUT) lost_ = abandoned_ = true;
  return result;
}

void Device::wait(VkFence fence) const {
  check(call("WaitForFences", [&] { return wait_for(fence); }), "waiting for it");
}

void Device::settle(VkFence fence) const noexcept {
  if (!abandoned_) wait_for(fence);
}

void Device::learn_rate(double work, double seconds) {
  if (options_.work_of_submission > 0 || work <= 0 || seconds <= 0) return;
  const double now = work_;
  work_ = std::clamp(std::clamp(work / seconds * kSecondsOfSubmission, now / 2, now * 2), kLeastWork, kMostWork);
}

}  // namespace newbie::vulkan
