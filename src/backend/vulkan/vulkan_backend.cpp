// The Vulkan backend: a device, its memory, its kernels and how they are run.
#include <algorithm>
#include <cctype>
#include <charconv>

#include "backend/vulkan/assumed.h"
#include "backend/vulkan/executor.h"
#include "backend/vulkan/kernel_list.h"
#include "backend/vulkan/matrix_proof.h"
#include "backend/vulkan/memory.h"

namespace newbie {

namespace vulkan {
namespace {

class VulkanBackend final : public Backend {
 public:
  explicit VulkanBackend(std::shared_ptr<Device> device) : device_(std::move(device)) {}

  std::string name() const override { return "vulkan"; }
  std::string version() const override {
    return fmt::format("vulkan, {}, {}, {}", device_->words().name, device_->words().driver, device_->traits().words());
  }
  // Which narrower numbers are faster was not measured on any card: nothing is chosen for being so.
  DeviceCaps caps() const override { return {.name = device_->words().name}; }
  std::unique_ptr<Executor> make_executor() const override { return std::make_unique<VulkanExecutor>(device_); }
  std::unique_ptr<MemorySpace> make_memory(MemorySpace::FaultHook hook) const override {
    return std::make_unique<Memory>(device_, std::move(hook));
  }
  bool uses_host_memory() const override { return false; }
  HeapBytes heap() const { return device_->heap(); }

  std::shared_ptr<const Kernel> make_kernel(const KernelRequest& request, std::string* why_not) const override {
    return make_best_kernel(request, device_->traits(), why_not);
  }

 private:
  std::shared_ptr<Device> device_;
};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string names_of(const std::vector<FoundDevice>& devices) {
  std::string out;
  for (const FoundDevice& d : devices)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", d.words.number, d.words.name);
  return out;
}

// The best of those that `which` says. A refusal is told when none is left.
const FoundDevice& choose(const std::vector<FoundDevice>& devices, std::string_view which) {
  int number = -1;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), number);
  const bool by_number = error == std::errc() && end == which.data() + which.size();
  const std::string wanted = lower_case(which);
  const FoundDevice *best = nullptr, *refused = nullptr;
  for (const FoundDevice& d : devices) {
    if (by_number ? d.words.number != number : lower_case(d.words.name).find(wanted) == std::string::npos) continue;
    if (!d.words.refusal.empty())
      refused = &d;
    else if (best == nullptr || d.words.kind < best->words.kind)
      best = &d;
  }
  if (best != nullptr) return *best;
  if (refused != nullptr)
    fail_with_hint(ErrorKind::Unsupported, "`newbie devices` lists others; the CPU always works", "{}: {}",
                   refused->words.name, refused->words.refusal);
  fail_with_hint(ErrorKind::InvalidRequest, fmt::format("there are: {}", names_of(devices)), "no Vulkan device is {}",
                 which);
}

}  // namespace
}  // namespace vulkan

std::unique_ptr<Backend> make_vulkan_backend(std::string_view which, VulkanOptions options) {
  if (which == kAssumedDevice) return vulkan::make_assumed_backend();
  const auto instance = std::make_shared<const vulkan::Instance>();
  const vulkan::FoundDevice& found = vulkan::choose(instance->devices(), which);
  const bool wants_units = options.units;
  auto device = std::make_shared<vulkan::Device>(instance, found, std::move(options));
  if (wants_units) vulkan::prove_matrix_units(device);
  return std::make_unique<vulkan::VulkanBackend>(std::move(device));
}

size_t free_device_bytes(const Backend& backend) {
  const auto* on = dynamic_cast<const vulkan::VulkanBackend*>(&backend);
  if (on == nullptr) return vulkan::is_assumed(backend) ? kAssumedDeviceBytes : 0;
  const vulkan::HeapBytes heap = on->heap();
  return heap.free != 0 ? heap.free : heap.size;
}

}  // namespace newbie
