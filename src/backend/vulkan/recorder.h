// Recorder: the dispatches of one run, cut into submissions that take about a tenth of a second: drivers kill what
// takes seconds, and between them a run can be stopped. While one works, the next is recorded.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "backend/vulkan/commands.h"
#include "backend/vulkan/push.h"
#include "core/stop_token.h"

namespace newbie::vulkan {

constexpr uint32_t kMostGroups = 65535;  // of an axis: what every device has

struct Groups {
  uint32_t x = 1, y = 1, z = 1;
};

class Recorder {
 public:
  // Its end waits for what is under way.
  Recorder(Device& device, StopToken stop) : device_(device), stop_(stop) {}

  // What is recorded from here on sees what was written before.
  void barrier();
  // `work`: multiplications and additions, or as much time; large ones are cut into pieces of groups.
  // Error{Cancelled} when the run is stopped.
  void dispatch(Shader shader, const std::vector<uint32_t>& constants, const Push& push, Groups groups, double work);
  // All that was recorded is done, and the host may read it.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Slot {
    std::optional<Commands> commands;  // made when something is recorded
    double work = 0;
    Clock::time_point submitted;
  };
  VkCommandBuffer commands();
  bool is_recording() const { return slots_[now_].commands && slots_[now_].commands->is_recording(); }
  void submit();
  void wait(Slot& slot);

  Device& device_;
  StopToken stop_;
  std::array<Slot, 2> slots_;
  size_t now_ = 0;  // the one that is recorded
  Clock::time_point last_done_{};
};

}  // namespace newbie::vulkan
