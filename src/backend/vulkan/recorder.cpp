#include "backend/vulkan/recorder.h"

#include <algorithm>
#include <cmath>

namespace newbie::vulkan {

Recorder::Recorder(Device& device, StopToken stop) : device_(device), stop_(stop) {
  const DeviceApi& api = device_.api();
  try {
    for (Slot& slot : slots_) {
      VkCommandPoolCreateInfo pool{.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
      pool.queueFamilyIndex = device_.queue_family();
      device_.check(device_.call("CreateCommandPool",
                                 [&] { return api.CreateCommandPool(device_.handle(), &pool, nullptr, &slot.pool); }),
                    "starting a run");
      VkCommandBufferAllocateInfo allocate{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
      allocate.commandPool = slot.pool;
      allocate.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
      allocate.commandBufferCount = 1;
      device_.check(
          device_.call("AllocateCommandBuffers",
                       [&] { return api.AllocateCommandBuffers(device_.handle(), &allocate, &slot.commands); }),
          "starting a run");
      const VkFenceCreateInfo fence{.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
      device_.check(
          device_.call("CreateFence", [&] { return api.CreateFence(device_.handle(), &fence, nullptr, &slot.fence); }),
          "starting a run");
    }
  } catch (...) {
    destroy();
    throw;
  }
}

Recorder::~Recorder() { destroy(); }

void Recorder::destroy() noexcept {
  const DeviceApi& api = device_.api();
  const bool running = std::ranges::any_of(slots_, &Slot::running);
  if (running) api.DeviceWaitIdle(device_.handle());
  for (const Slot& slot : slots_) {
    if (slot.fence != VK_NULL_HANDLE) api.DestroyFence(device_.handle(), slot.fence, nullptr);
    if (slot.pool != VK_NULL_HANDLE) api.DestroyCommandPool(device_.handle(), slot.pool, nullptr);
  }
}

VkCommandBuffer Recorder::commands() {
  Slot& slot = slots_[now_];
  if (slot.recording) return slot.commands;
  const DeviceApi& api = device_.api();
  device_.check(device_.call("ResetCommandPool", [&] { return api.ResetCommandPool(device_.handle(), slot.pool, 0); }),
                "recording");
  VkCommandBufferBeginInfo begin{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  device_.check(device_.call("BeginCommandBuffer", [&] { return api.BeginCommandBuffer(slot.commands, &begin); }),
                "recording");
  slot.recording = true;
  slot.work = 0;
  return slot.commands;
}

void Recorder::barrier() {
  VkMemoryBarrier memory{.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  memory.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT;
  memory.dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
  device_.api().CmdPipelineBarrier(commands(), VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                                   VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &memory, 0, nullptr, 0, nullptr);
}

void Recorder::dispatch(Shader shader, const std::vector<uint32_t>& constants, const Push& push, Groups groups,
                        double work) {
  if (groups.x == 0 || groups.y == 0 || groups.z == 0) return;
  const VkPipeline pipeline = device_.pipeline(shader, constants);
  const DeviceApi& api = device_.api();
  uint32_t& axis = groups.z >= groups.y && groups.z >= groups.x ? groups.z : groups.y >= groups.x ? groups.y : groups.x;
  const uint32_t all = axis;
  const double limit = device_.work_of_submission();
  const auto pieces = static_cast<uint32_t>(std::clamp(std::ceil(work / limit), 1.0, static_cast<double>(all)));
  const double each = work / pieces;
  for (uint32_t piece = 0; piece < pieces; ++piece) {
    if (slots_[now_].recording && slots_[now_].work > 0 && slots_[now_].work + each > limit) submit();
    const auto first = static_cast<uint32_t>(uint64_t{all} * piece / pieces);
    axis = static_cast<uint32_t>(uint64_t{all} * (piece + 1) / pieces) - first;
    const auto base = [&](const uint32_t& of) { return &of == &axis ? first : 0; };
    const VkCommandBuffer to = commands();
    api.CmdBindPipeline(to, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    api.CmdPushConstants(to, device_.layout(), VK_SHADER_STAGE_COMPUTE_BIT, 0, push.size(), push.data());
    api.CmdDispatchBase(to, base(groups.x), base(groups.y), base(groups.z), groups.x, groups.y, groups.z);
    slots_[now_].work += each;
  }
}

void Recorder::submit() {
  Slot& slot = slots_[now_];
  if (slot.recording) {
    const DeviceApi& api = device_.api();
    VkMemoryBarrier memory{.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER};
    memory.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT;
    memory.dstAccessMask =
        VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT;
    api.CmdPipelineBarrier(
        slot.commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1,
        &memory, 0, nullptr, 0, nullptr);
    slot.recording = false;
    device_.check(device_.call("EndCommandBuffer", [&] { return api.EndCommandBuffer(slot.commands); }), "recording");
    device_.check(device_.call("ResetFences", [&] { return api.ResetFences(device_.handle(), 1, &slot.fence); }),
                  "recording");
    slot.submitted = Clock::now();
    device_.submit(slot.commands, slot.fence);
    slot.running = true;
    now_ = 1 - now_;
  }
  wait(slots_[now_]);
  stop_.throw_if_stopped();
}

void Recorder::wait(Slot& slot) {
  if (!slot.running) return;
  device_.wait(slot.fence);
  slot.running = false;
  const auto done = Clock::now();
  device_.learn_rate(slot.work, std::chrono::duration<double>(done - std::max(slot.submitted, last_done_)).count());
  last_done_ = done;
}

void Recorder::finish() {
  submit();
  wait(slots_[1 - now_]);
}

}  // namespace newbie::vulkan
