#include "backend/registry.h"

#include "backend/vulkan_devices.h"

namespace newbie {

namespace {

constexpr BackendRow kBackends[] = {
    {BackendChoice::Cpu, "cpu", "oneDNN and our own kernels"},
    {BackendChoice::Reference, "reference", "plain loops, for tests and doubts: slow"},
    {BackendChoice::Vulkan, "vulkan", "graphics cards"},
};

}  // namespace

std::string_view to_string(VulkanDevice::Kind kind) {
  switch (kind) {
    case VulkanDevice::Kind::Discrete: return "a card";
    case VulkanDevice::Kind::Integrated: return "part of the processor";
    case VulkanDevice::Kind::Virtual: return "virtual";
    case VulkanDevice::Kind::Other: return "of no known kind";
    case VulkanDevice::Kind::Software: return "software on the CPU";
  }
  return "?";
}

std::span<const BackendRow> backends() { return kBackends; }

std::unique_ptr<Backend> make_backend(BackendChoice choice, std::string_view device) {
  switch (choice) {
    case BackendChoice::Cpu: return make_cpu_backend();
    case BackendChoice::Reference: return make_reference_backend();
    case BackendChoice::Vulkan: return make_vulkan_backend(device);
  }
  fail(ErrorKind::Internal, "no backend has number {}", static_cast<int>(choice));
}

// A driver that runs on the CPU, or a part of the processor, is taken when it is named alone.
DeviceChoice choose_device(std::string_view words) {
  constexpr std::string_view kVulkan = "vulkan";
  if (words == "cpu") return {};
  if (words == kVulkan) return {BackendChoice::Vulkan, {}, {}};
  if (words.starts_with(kVulkan) && words[kVulkan.size()] == ':')
    return {BackendChoice::Vulkan, std::string(words.substr(kVulkan.size() + 1)), {}};
  if (words != "auto")
    fail_with_hint(ErrorKind::InvalidRequest, "cards are used through Vulkan; `newbie devices` lists them",
                   "`device` {}: expected auto, cpu, vulkan, vulkan:NUMBER or vulkan:NAME", words);
  const VulkanListing listing = list_vulkan_devices();
  std::string why = listing.problem;
  for (const VulkanDevice& d : listing.devices) {
    const bool card = d.kind == VulkanDevice::Kind::Discrete;
    if (card && d.refusal.empty())
      return {BackendChoice::Vulkan, std::to_string(d.number), fmt::format("{} is a card that can be taken", d.name)};
    why += fmt::format("{}{} is {}", why.empty() ? "" : ", ", d.name, card ? d.refusal : to_string(d.kind));
  }
  return {BackendChoice::Cpu, {}, why.empty() ? "there is no card" : why};
}

}  // namespace newbie
