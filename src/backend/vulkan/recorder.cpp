#include "backend/vulkan/recorder.h"

#include <algorithm>
#include <cmath>

namespace newbie::vulkan {

VkCommandBuffer Recorder::commands() {
  Slot& slot = slots_[now_];
  if (!slot.commands) slot.commands.emplace(device_, "running steps");
  if (!slot.commands->is_recording()) slot.work = 0;
  return slot.commands->recording();
}

void Recorder::barrier() {
  if (device_.options().compile_only) return;
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
  if (device_.options().compile_only) return;
  const DeviceApi& api = device_.api();
  uint32_t& axis = groups.z >= groups.y && groups.z >= groups.x ? groups.z : groups.y >= groups.x ? groups.y : groups.x;
  const uint32_t all = axis;
  const double limit = device_.work_of_submission();
  const auto pieces = static_cast<uint32_t>(std::clamp(std::ceil(work / limit), 1.0, static_cast<double>(all)));
  const double each = work / pieces;
  for (uint32_t piece = 0; piece < pieces; ++piece) {
    if (is_recording() && slots_[now_].work > 0 && slots_[now_].work + each > limit) submit();
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
  if (is_recording()) {
    VkMemoryBarrier memory{.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER};
    memory.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT;
    memory.dstAccessMask =
        VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT;
    device_.api().CmdPipelineBarrier(
        slot.commands->recording(), VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1,
        &memory, 0, nullptr, 0, nullptr);
    slot.submitted = Clock::now();
    slot.commands->submit();
    now_ = 1 - now_;
  }
  wait(slots_[now_]);
  stop_.throw_if_stopped();
}

void Recorder::wait(Slot& slot) {
  if (!slot.commands || !slot.commands->is_running()) return;
  slot.commands->wait();
  const auto done = Clock::now();
  device_.learn_rate(slot.work, std::chrono::duration<double>(done - std::max(slot.submitted, last_done_)).count());
  last_done_ = done;
}

void Recorder::finish() {
  submit();
  wait(slots_[1 - now_]);
}

}  // namespace newbie::vulkan
