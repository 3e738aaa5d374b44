// A device whose memory is not the host's, made of pages that may be touched only while a kernel runs or bytes are
// copied in or out: whoever reaches for them otherwise gets a fault. Its kernels are those of another backend. What
// holds for it holds for a GPU as far as addresses go.
#pragma once

#include "backend/step_executor.h"

namespace newbie::test {

class ProtectedMemory final : public MemorySpace {
 public:
  explicit ProtectedMemory(FaultHook hook = {});
  ~ProtectedMemory() override;

  bool is_host() const override { return false; }
  // Error{Internal} when a range of this space does not lie in one of its blocks.
  void upload(const std::byte* host, std::byte* here, size_t bytes) override;
  void download(const std::byte* here, std::byte* host, size_t bytes) override;
  void copy(const std::byte* from, std::byte* to, size_t bytes) override;

  // While one of these lives, all pages may be touched.
  class Open {
   public:
    explicit Open(ProtectedMemory& memory);
    ~Open();
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    ProtectedMemory& memory_;
  };

 private:
  Block obtain(size_t bytes) override;
  void give_back(const Block& block) noexcept override;
  void require_inside(const std::byte* data, size_t bytes) const;

  struct State;
  std::unique_ptr<State> state_;
};

class ProtectedBackend final : public HostBackend {
 public:
  explicit ProtectedBackend(std::unique_ptr<HostBackend> kernels) : kernels_(std::move(kernels)) {}

  std::string name() const override { return "protected " + kernels_->name(); }
  std::shared_ptr<const HostKernel> make_host_kernel(const KernelRequest& request,
                                                     std::string* why_not = nullptr) const override {
    return kernels_->make_host_kernel(request, why_not);
  }
  std::unique_ptr<Executor> make_executor() const override;
  std::unique_ptr<MemorySpace> make_memory(MemorySpace::FaultHook hook = {}) const override;
  bool uses_host_memory() const override { return false; }

 private:
  std::unique_ptr<HostBackend> kernels_;
};

}  // namespace newbie::test
