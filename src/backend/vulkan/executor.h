// How the steps of a graph are run on a Vulkan device: recorded one after the other, submitted in pieces.
#pragma once

#include "backend/executor.h"
#include "backend/vulkan/device.h"

namespace newbie::vulkan {

class VulkanExecutor final : public Executor {
 public:
  explicit VulkanExecutor(std::shared_ptr<Device> device) : device_(std::move(device)) {}
  void run(const LoweredGraph& graph, ExecutionContext& context, const WeightBank& bank, const Bindings& bindings,
           Observer* observer) const override;

 private:
  std::shared_ptr<Device> device_;
};

}  // namespace newbie::vulkan
