// A mistake that the validation layers must see, or else their silence says nothing: validate.py runs it, nothing else.
#include "backend/vulkan/memory.h"
#include "backend/vulkan/recorder.h"
#include "support/vulkan.h"

namespace newbie::test {

// Zeros for 1,024 words are stored where a block has 16: the other words lie outside of it.
TEST(VulkanPlanted, DISABLED_AStoreOutsideOfItsBlock) {
  NEWBIE_NEEDS_VULKAN();
  const auto instance = std::make_shared<const vulkan::Instance>();
  for (const vulkan::FoundDevice& found : instance->devices()) {
    if (found.words.name.find(kSoftwareDriver) == std::string::npos) continue;
    const auto device = std::make_shared<vulkan::Device>(instance, found, VulkanOptions{});
    vulkan::Memory memory(device, {});
    const Buffer block = memory.allocate(64, "a block");
    vulkan::Push push;
    push.address(nullptr).address(block.data()).count(1024).count(0).count(0);
    for (const int64_t extent : {1, 1, 1, 1, 1024}) push.count(extent);
    for (int i = 0; i < 5; ++i) push.count(0);
    for (const int64_t step : {0, 0, 0, 0, 1}) push.count(step);
    vulkan::Recorder recorder(*device, {});
    recorder.dispatch(vulkan::Shader::Move, {1, 1, 0}, push, {16, 1, 1}, 1);
    recorder.finish();
    return;
  }
  FAIL() << "there is no software driver";
}

}  // namespace newbie::test
