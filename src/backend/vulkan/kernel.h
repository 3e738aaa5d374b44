// Kernels that are recorded as dispatches.
#pragma once

#include <span>

#include "backend/backend.h"
#include "backend/vulkan/recorder.h"

namespace newbie::vulkan {

// Where one step's operands lie on the device.
struct Addresses {
  std::span<const std::byte* const> inputs;
  std::byte* output = nullptr;
  std::byte* scratch = nullptr;
};

class DeviceKernel : public Kernel {
 public:
  // What it reads is written when it is called; its dispatches see each other's writes only after a barrier.
  virtual void record(Recorder& recorder, const Addresses& at) const = 0;
};

}  // namespace newbie::vulkan
