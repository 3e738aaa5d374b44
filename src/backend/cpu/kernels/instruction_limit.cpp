#include "backend/cpu/kernels/instruction_limit.h"

#if NEWBIE_ONEDNN && defined(__x86_64__)

#include <hwy/targets.h>

#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

namespace newbie::cpu {

void limit_highway() {
  static std::once_flag once;
  std::call_once(once, [] {
    using dnnl::cpu_isa;
    const auto effective = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    const auto has = [&](cpu_isa isa) {  // each ISA's bits contain those of what it is built on
      return (effective & static_cast<unsigned>(isa)) == static_cast<unsigned>(isa);
    };
    int64_t disabled = 0;
    if (!has(cpu_isa::avx512_core)) disabled |= HWY_AVX2 - 1;  // a better target has a lower bit
    if (!has(cpu_isa::avx2)) disabled |= HWY_AVX2;
    if (disabled != 0) hwy::DisableTargets(disabled);
  });
}

}  // namespace newbie::cpu

#else

namespace newbie::cpu {

void limit_highway() {}

}  // namespace newbie::cpu

#endif
