// The device's memory as a MemorySpace: every block is a buffer of its own, an address is what its shaders use.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "backend/vulkan/commands.h"
#include "core/memory_space.h"

namespace newbie::vulkan {

class Memory final : public MemorySpace {
 public:
  Memory(std::shared_ptr<Device> device, FaultHook hook);
  ~Memory() override;

  bool is_host() const override { return false; }
  void upload(const std::byte* host, std::byte* here, size_t bytes) override;
  void download(const std::byte* here, std::byte* host, size_t bytes) override;
  void copy(const std::byte* from, std::byte* to, size_t bytes) override;

  const Device& device() const { return *device_; }

 private:
  struct Allocation {
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    std::byte* mapped = nullptr;  // or null
    std::byte* address = nullptr;
    size_t bytes = 0;
  };
  struct Place {
    VkBuffer buffer = VK_NULL_HANDLE;
    std::byte* mapped = nullptr;
    size_t offset = 0;
  };
  Block obtain(size_t bytes) override;
  void give_back(const Block& block) noexcept override;
  // Nothing is left when it fails.
  VkResult make(size_t bytes, VkBufferUsageFlags usage, VkMemoryPropertyFlags wanted, VkMemoryPropertyFlags liked,
                bool mapped, Allocation& out) const;
  void destroy(const Allocation& allocation) const noexcept;
  Place find(const std::byte* at, size_t bytes) const;  // Error{Internal} when it is in no block
  void copy_between(VkBuffer from, size_t from_offset, VkBuffer to, size_t to_offset, size_t bytes);
  void start_copying();  // makes what staged copies need

  std::shared_ptr<Device> device_;
  mutable std::mutex mutex_;  // of the blocks
  std::map<const std::byte*, Allocation> blocks_;
  std::mutex copy_mutex_;
  Allocation staging_;
  std::optional<Commands> commands_;
};

}  // namespace newbie::vulkan
