// The CPU backend: the first kernel of the list that takes a request, the same in f32 where f16 is asked for, and the
// plain loops where there is none.
#include "backend/cpu/bf16_products.h"
#include "backend/cpu/emulated_f16.h"
#include "backend/cpu/kernel_list.h"
#include "backend/cpu/kernels/instruction_limit.h"

namespace newbie {

namespace {

class CpuBackend final : public HostBackend {
 public:
  CpuBackend() { cpu::limit_highway(); }

  std::string name() const override { return "cpu"; }
  std::string version() const override {
    return "cpu, " + cpu::library_version() + (cpu::widens_bf16() ? ", bf16 widened" : "");
  }

  std::shared_ptr<const HostKernel> make_host_kernel(const KernelRequest& request,
                                                     std::string* why_not) const override {
    std::string refusals;
    const auto from_list = [&](const KernelRequest& wanted) -> std::shared_ptr<const HostKernel> {
      for (const cpu::KernelMaker& maker : cpu::kernel_makers()) {
        if (maker.op != wanted.op) continue;
        std::string why;
        if (auto kernel = maker.make(wanted, &why)) return kernel;
        refusals += why + "; ";
      }
      return nullptr;
    };
    // Fast kernels keep what lies inside an op in f32.
    const NumericClass kind = request.op->numeric_class;
    if (kind == NumericClass::Movement || kind == NumericClass::Cast || request.precision.accumulate == DType::F32) {
      if (auto kernel = from_list(request)) return kernel;
      if (auto kernel = cpu::make_emulated_f16(request, from_list)) return kernel;
    }
    std::string why;
    auto kernel = reference_->make_host_kernel(request, &why);
    if (why_not != nullptr && !kernel) *why_not = refusals + why;
    return kernel;
  }

 private:
  std::unique_ptr<HostBackend> reference_ = make_reference_backend();
};

}  // namespace

std::unique_ptr<HostBackend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace newbie
