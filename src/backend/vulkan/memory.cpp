#include "backend/vulkan/memory.h"

#include <algorithm>
#include <cstring>

namespace newbie::vulkan {

namespace {

constexpr const char* kCopying = "copying to it";
constexpr size_t kStagingBytes = size_t{8} << 20;
constexpr VkMemoryPropertyFlags kMapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
constexpr VkMemoryPropertyFlags kCached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
constexpr VkMemoryPropertyFlags kOwn = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
constexpr VkBufferUsageFlags kCopied = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;

}  // namespace

Memory::Memory(std::shared_ptr<Device> device, FaultHook hook)
    : MemorySpace(std::move(hook)), device_(std::move(device)) {}

Memory::~Memory() {
  commands_.reset();
  destroy(staging_);
}

VkResult Memory::make(size_t bytes, VkBufferUsageFlags usage, VkMemoryPropertyFlags wanted, VkMemoryPropertyFlags liked,
                      bool mapped, Allocation& out) const {
  const DeviceApi& api = device_->api();
  const VkDevice device = device_->handle();
  Allocation made{.bytes = bytes};
  const auto give_up = [&](VkResult why) {
    destroy(made);
    return why;
  };
  VkBufferCreateInfo info{.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
  info.size = bytes;
  info.usage = usage;
  if (const VkResult r =
          device_->call("CreateBuffer", [&] { return api.CreateBuffer(device, &info, nullptr, &made.buffer); });
      r != VK_SUCCESS)
    return give_up(r);
  VkMemoryRequirements needs{};
  api.GetBufferMemoryRequirements(device, made.buffer, &needs);
  const auto type = device_->memory_type(needs.memoryTypeBits, wanted, liked);
  if (!type) return give_up(VK_ERROR_FEATURE_NOT_PRESENT);
  VkMemoryAllocateFlagsInfo flags{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO};
  flags.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT;
  const bool addressed = (usage & VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT) != 0;
  VkMemoryAllocateInfo allocate{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .pNext = addressed ? &flags : nullptr};
  allocate.allocationSize = needs.size;
  allocate.memoryTypeIndex = *type;
  if (const VkResult r =
          device_->call("AllocateMemory", [&] { return api.AllocateMemory(device, &allocate, nullptr, &made.memory); });
      r != VK_SUCCESS)
    return give_up(r);
  if (const VkResult r =
          device_->call("BindBufferMemory", [&] { return api.BindBufferMemory(device, made.buffer, made.memory, 0); });
      r != VK_SUCCESS)
    return give_up(r);
  if (mapped) {
    void* at = nullptr;
    if (const VkResult r =
            device_->call("MapMemory", [&] { return api.MapMemory(device, made.memory, 0, VK_WHOLE_SIZE, 0, &at); });
        r != VK_SUCCESS)
      return give_up(r);
    made.mapped = static_cast<std::byte*>(at);
  }
  if (addressed) {
    VkBufferDeviceAddressInfo where{.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO};
    where.buffer = made.buffer;
    made.address = reinterpret_cast<std::byte*>(api.GetBufferDeviceAddress(device, &where));
    if (reinterpret_cast<uintptr_t>(made.address) % kAlignment != 0) return give_up(VK_ERROR_UNKNOWN);
  }
  out = made;
  return VK_SUCCESS;
}

void Memory::destroy(const Allocation& a) const noexcept {
  if (device_->is_abandoned()) return;
  if (a.buffer != VK_NULL_HANDLE) device_->api().DestroyBuffer(device_->handle(), a.buffer, nullptr);
  if (a.memory != VK_NULL_HANDLE) device_->api().FreeMemory(device_->handle(), a.memory, nullptr);
}

MemorySpace::Block Memory::obtain(size_t bytes) {
  constexpr const char* kDoing = "allocating memory";
  device_->check(VK_SUCCESS, kDoing);  // a lost one has none
  const bool mapped = device_->maps_memory();
  Allocation made;
  const VkResult result =
      make(bytes, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT | kCopied,
           mapped ? kMapped : kOwn, mapped ? kCached : 0, mapped, made);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY) return {};
  if (result != VK_SUCCESS) device_->check(result, kDoing);
  const std::lock_guard lock(mutex_);
  blocks_.emplace(made.address, made);
  return {made.address, bytes};
}

void Memory::give_back(const Block& block) noexcept {
  const std::lock_guard lock(mutex_);
  const auto it = blocks_.find(block.data);
  if (it == blocks_.end()) return;
  destroy(it->second);
  blocks_.erase(it);
}

Memory::Place Memory::find(const std::byte* at, size_t bytes) const {
  const std::lock_guard lock(mutex_);
  auto it = blocks_.upper_bound(at);
  if (it != blocks_.begin()) {
    const Allocation& a = std::prev(it)->second;
    const auto offset = static_cast<size_t>(at - a.address);
    if (offset <= a.bytes && bytes <= a.bytes - offset)
      return {a.buffer, a.mapped == nullptr ? nullptr : a.mapped + offset, offset};
  }
  fail(ErrorKind::Internal, "{} bytes that are in no block of {}", bytes, device_->words().name);
}

void Memory::start_copying() {
  if (staging_.buffer == VK_NULL_HANDLE)
    device_->check(make(kStagingBytes, kCopied, kMapped, kCached, true, staging_), kCopying);
  if (!commands_) commands_.emplace(*device_, kCopying);
}

void Memory::copy_between(VkBuffer from, size_t from_offset, VkBuffer to, size_t to_offset, size_t bytes) {
  start_copying();
  const DeviceApi& api = device_->api();
  const VkCommandBuffer commands = commands_->recording();
  const VkBufferCopy region{from_offset, to_offset, bytes};
  api.CmdCopyBuffer(commands, from, to, 1, &region);
  VkMemoryBarrier barrier{.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
  barrier.dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
  api.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, nullptr,
                         0, nullptr);
  commands_->submit();
  try {
    commands_->wait();
  } catch (...) {
    commands_.reset();  // nothing reads or writes what the caller holds any more
    throw;
  }
}

void Memory::upload(const std::byte* host, std::byte* here, size_t bytes) {
  if (bytes == 0) return;
  const Place place = find(here, bytes);
  if (place.mapped != nullptr) {
    std::memcpy(place.mapped, host, bytes);
    return;
  }
  const std::lock_guard lock(copy_mutex_);
  start_copying();
  for (size_t at = 0; at < bytes; at += kStagingBytes) {
    const size_t count = std::min(kStagingBytes, bytes - at);
    std::memcpy(staging_.mapped, host + at, count);
    copy_between(staging_.buffer, 0, place.buffer, place.offset + at, count);
  }
}

void Memory::download(const std::byte* here, std::byte* host, size_t bytes) {
  if (bytes == 0) return;
  const Place place = find(here, bytes);
  if (place.mapped != nullptr) {
    std::memcpy(host, place.mapped, bytes);
    return;
  }
  const std::lock_guard lock(copy_mutex_);
  start_copying();
  for (size_t at = 0; at < bytes; at += kStagingBytes) {
    const size_t count = std::min(kStagingBytes, bytes - at);
    copy_between(place.buffer, place.offset + at, staging_.buffer, 0, count);
    std::memcpy(host + at, staging_.mapped, count);
  }
}

void Memory::copy(const std::byte* from, std::byte* to, size_t bytes) {
  if (bytes == 0) return;
  const Place source = find(from, bytes), target = find(to, bytes);
  const std::lock_guard lock(copy_mutex_);
  copy_between(source.buffer, source.offset, target.buffer, target.offset, bytes);
}

}  // namespace newbie::vulkan
