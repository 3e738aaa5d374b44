#include "backend/vulkan/commands.h"

namespace newbie::vulkan {

Commands::Commands(Device& device, const char* doing) : device_(device), doing_(doing) {
  const DeviceApi& api = device_.api();
  try {
    VkCommandPoolCreateInfo pool{.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    pool.queueFamilyIndex = device_.queue_family();
    device_.check(device_.call("CreateCommandPool",
                               [&] { return api.CreateCommandPool(device_.handle(), &pool, nullptr, &pool_); }),
                  doing_);
    VkCommandBufferAllocateInfo allocate{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
    allocate.commandPool = pool_;
    allocate.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
    allocate.commandBufferCount = 1;
    device_.check(device_.call("AllocateCommandBuffers",
                               [&] { return api.AllocateCommandBuffers(device_.handle(), &allocate, &commands_); }),
                  doing_);
    const VkFenceCreateInfo fence{.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    device_.check(
        device_.call("CreateFence", [&] { return api.CreateFence(device_.handle(), &fence, nullptr, &fence_); }),
        doing_);
  } catch (...) {
    destroy();
    throw;
  }
}

Commands::~Commands() {
  if (running_) device_.settle(fence_);
  destroy();
}

void Commands::destroy() noexcept {
  if (device_.is_abandoned()) return;
  const DeviceApi& api = device_.api();
  if (fence_ != VK_NULL_HANDLE) api.DestroyFence(device_.handle(), fence_, nullptr);
  if (pool_ != VK_NULL_HANDLE) api.DestroyCommandPool(device_.handle(), pool_, nullptr);
}

VkCommandBuffer Commands::recording() {
  if (recording_) return commands_;
  wait();
  const DeviceApi& api = device_.api();
  device_.check(device_.call("ResetCommandPool", [&] { return api.ResetCommandPool(device_.handle(), pool_, 0); }),
                doing_);
  VkCommandBufferBeginInfo begin{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  device_.check(device_.call("BeginCommandBuffer", [&] { return api.BeginCommandBuffer(commands_, &begin); }), doing_);
  recording_ = true;
  return commands_;
}

void Commands::submit() {
  const DeviceApi& api = device_.api();
  recording_ = false;
  device_.check(device_.call("EndCommandBuffer", [&] { return api.EndCommandBuffer(commands_); }), doing_);
  device_.check(device_.call("ResetFences", [&] { return api.ResetFences(device_.handle(), 1, &fence_); }), doing_);
  device_.submit(commands_, fence_);
  running_ = true;
}

void Commands::wait() {
  if (!running_) return;
  device_.wait(fence_);
  running_ = false;
}

}  // namespace newbie::vulkan
