// One opened Vulkan device: its queue, its pipelines, and what a failed call means.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backend/vulkan/instance.h"
#include "backend/vulkan/shaders.h"
#include "backend/vulkan/traits.h"

namespace newbie::vulkan {

// Thread-safe.
class Device {
 public:
  // Error{Unsupported} when the driver refuses.
  Device(std::shared_ptr<const Instance> instance, const FoundDevice& found, VulkanOptions options);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceApi& api() const { return api_; }
  VkDevice handle() const { return device_; }
  const VulkanDevice& words() const { return found_.words; }
  const VulkanOptions& options() const { return options_; }
  uint32_t queue_family() const { return found_.queue_family; }
  Traits traits() const {
    return {.tiled = options_.tiled || !is_software(), .most_turns = is_software() ? 65535 : 0, .units = units_};
  }
  // Those that it reports, if this program's shaders can use them; none are used before they are proved
  // (matrix_proof.h).
  const MatrixUnits& reported_units() const { return found_.units; }
  void use(const MatrixUnits& proved) { units_ = proved; }
  bool is_software() const { return found_.words.kind == VulkanDevice::Kind::Software; }
  // Whether memory of the device may be read and written where it is mapped as fast as the host's.
  bool maps_memory() const;
  HeapBytes heap() const { return heap_bytes(instance_->api(), found_); }

  // What `function` returns, or a failure where a test puts one; `name` is that of the call, without vk.
  template <typename Function>
  VkResult call(const char* name, const Function& function) const {
    if (options_.fault && !options_.fault(name)) return injected(name);
    return function();
  }
  // Error when a call failed: OverBudget when memory ran out; Unsupported else. A lost device stays so.
  void check(VkResult result, const char* doing) const;

  // A type of memory that has all of `wanted`, and as many as can be of `liked`; of those that `allowed` has bits of.
  std::optional<uint32_t> memory_type(uint32_t allowed, VkMemoryPropertyFlags wanted,
                                      VkMemoryPropertyFlags liked = 0) const;

  // Made at first use, and kept. All have one layout: push constants, no sets.
  VkPipeline pipeline(Shader shader, const std::vector<uint32_t>& constants);
  VkPipelineLayout layout() const { return layout_; }

  void submit(VkCommandBuffer commands, VkFence fence);
  // Error{Unsupported} when it is lost. One that works for minutes at what should take a tenth of a second is lost,
  // too, and abandoned.
  void wait(VkFence fence) const;
  void settle(VkFence fence) const noexcept;  // the same, for who gives up what is under way
  // It did not answer, and may still be at work: nothing that it may use is destroyed while the process lives.
  bool is_abandoned() const { return abandoned_; }

  // Multiplications and additions that it does in about a tenth of a second: what submissions are cut to.
  double work_of_submission() const { return work_; }
  void learn_rate(double work, double seconds);

 private:
  static VkResult injected(const char* name);
  VkResult wait_for(VkFence fence) const noexcept;

  std::shared_ptr<const Instance> instance_;
  const FoundDevice found_;
  const VulkanOptions options_;
  VkDevice device_ = VK_NULL_HANDLE;
  DeviceApi api_;
  VkQueue queue_ = VK_NULL_HANDLE;
  VkPhysicalDeviceMemoryProperties memory_{};
  VkPipelineLayout layout_ = VK_NULL_HANDLE;
  VkPipelineCache cache_ = VK_NULL_HANDLE;
  std::mutex queue_mutex_, pipeline_mutex_;
  std::map<std::pair<Shader, std::vector<uint32_t>>, VkPipeline> pipelines_;
  std::map<Shader, VkShaderModule> modules_;
  MatrixUnits units_;
  mutable std::atomic<bool> lost_{false}, abandoned_{false};
  std::atomic<double> work_;
};

}  // namespace newbie::vulkan
