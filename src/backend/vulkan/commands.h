// Commands: a command buffer that is recorded, handed to the device, waited for, and recorded anew.
#pragma once

#include "backend/vulkan/device.h"

namespace newbie::vulkan {

class Commands {
 public:
  // `doing`: what it is for, in messages. The device must outlive it.
  Commands(Device& device, const char* doing);
  ~Commands();  // waits for what is under way
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  // What is recorded goes there; begun anew after what was submitted is done.
  VkCommandBuffer recording();
  bool is_recording() const { return recording_; }
  // What was recorded is handed to the device.
  void submit();
  bool is_running() const { return running_; }
  // For what was submitted. Error{Unsupported} when the device is lost.
  void wait();

 private:
  void destroy() noexcept;

  Device& device_;
  const char* doing_;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  VkCommandBuffer commands_ = VK_NULL_HANDLE;
  VkFence fence_ = VK_NULL_HANDLE;
  bool recording_ = false, running_ = false;
};

}  // namespace newbie::vulkan
