// The CPU backend: the first kernel of the list that takes a request, and the plain loops where none does.
#include "backend/cpu/kernel_list.h"

namespace newbie {

namespace {

class CpuBackend final : public Backend {
 public:
  std::string name() const override { return "cpu"; }

  std::shared_ptr<Kernel> make_kernel(const KernelRequest& request, std::string* why_not) const override {
    std::string refusals;
    for (const cpu::KernelMaker& maker : cpu::kernel_makers()) {
      if (maker.op != request.op) continue;
      std::string why;
      if (auto kernel = maker.make(request, &why)) return kernel;
      refusals += why + "; ";
    }
    std::string why;
    auto kernel = reference_->make_kernel(request, &why);
    if (why_not != nullptr && !kernel) *why_not = refusals + why;
    return kernel;
  }

 private:
  std::unique_ptr<Backend> reference_ = make_reference_backend();
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace newbie
