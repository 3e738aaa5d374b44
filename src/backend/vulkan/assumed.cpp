#include "backend/vulkan/assumed.h"

#include "backend/executor.h"
#include "backend/vulkan/kernel_list.h"
#include "backend/vulkan_devices.h"

namespace newbie::vulkan {

namespace {

[[noreturn]] void refuse_to_run() {
  fail_with_hint(ErrorKind::Unsupported, "`newbie devices` lists what can draw",
                 "{}: plans only, there is no such device", kAssumedDevice);
}

class AssumedExecutor final : public Executor {
 public:
  void run(const LoweredGraph&, ExecutionContext&, const WeightBank&, const Bindings&, Observer*) const override {
    refuse_to_run();
  }
};

class AssumedMemory final : public MemorySpace {
 public:
  bool is_host() const override { return false; }
  void upload(const std::byte*, std::byte*, size_t) override { refuse_to_run(); }
  void download(const std::byte*, std::byte*, size_t) override { refuse_to_run(); }
  void copy(const std::byte*, std::byte*, size_t) override { refuse_to_run(); }

 private:
  Block obtain(size_t) override { refuse_to_run(); }
  void give_back(const Block&) noexcept override {}
};

class AssumedBackend final : public Backend {
 public:
  std::string name() const override { return "vulkan"; }
  std::string version() const override { return "vulkan, an assumed card"; }
  DeviceCaps caps() const override { return {.name = "an assumed card"}; }
  std::shared_ptr<const Kernel> make_kernel(const KernelRequest& request, std::string* why_not) const override {
    return make_best_kernel(request, Traits{}, why_not);
  }
  std::unique_ptr<Executor> make_executor() const override { return std::make_unique<AssumedExecutor>(); }
  std::unique_ptr<MemorySpace> make_memory(MemorySpace::FaultHook) const override {
    return std::make_unique<AssumedMemory>();
  }
  bool uses_host_memory() const override { return false; }
};

}  // namespace

std::unique_ptr<Backend> make_assumed_backend() { return std::make_unique<AssumedBackend>(); }
bool is_assumed(const Backend& backend) { return dynamic_cast<const AssumedBackend*>(&backend) != nullptr; }

}  // namespace newbie::vulkan
