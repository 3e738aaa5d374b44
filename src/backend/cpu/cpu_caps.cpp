// What the running CPU computes natively, by what the kernels here may use of it.
#include <string_view>

#include "backend/cpu/amx/tiles.h"
#include "backend/device_caps.h"

#if NEWBIE_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace newbie {

namespace {

// No row computes f16 natively: the CPU backend has no f16 kernels, also where the CPU has f16 instructions. 8-bit
// numbers it multiplies with AMX and with AVX512-VNNI, which every CPU with AVX512-BF16 has. Arm's bf16 is taken for
// its memory and because it is the training dtype: our kernels there multiply it as f32.
constexpr CpuRow kCpus[] = {
    {"x86-64", "x86-64 with AMX-BF16", true, false, true},
    {"x86-64", "x86-64 with AVX512-BF16", true, false, true},
    {"x86-64", "x86-64 with AVX-512", false, false, false},
    {"x86-64", "x86-64 with AVX2", false, false, false},
    {"x86-64", "x86-64", false, false, false},
    {"AArch64", "AArch64 with NEON and bf16", true, false, false},
    {"AArch64", "AArch64 with NEON", false, false, false},
};

#if defined(__x86_64__) && NEWBIE_ONEDNN
// What oneDNN uses: what the CPU has, less what ONEDNN_MAX_CPU_ISA hides. Each set contains those that it is built on.
bool may_use(dnnl::cpu_isa isa) {
  const auto wanted = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}
bool has_avx512_bf16() { return may_use(dnnl::cpu_isa::avx512_core_bf16); }
bool has_avx512() { return may_use(dnnl::cpu_isa::avx512_core); }
bool has_avx2() { return may_use(dnnl::cpu_isa::avx2); }
#elif defined(__x86_64__)
bool has_avx512_bf16() { return false; }  // our own kernels do not multiply with it
bool has_avx512() { return __builtin_cpu_supports("avx512f"); }
bool has_avx2() { return __builtin_cpu_supports("avx2"); }
#endif

// Whether the running CPU has what `row` is named after.
bool is_here(const CpuRow& row) {
  const std::string_view family = row.family, name = row.name;
#if defined(__x86_64__)
  if (family != "x86-64") return false;
  if (name.ends_with("AMX-BF16")) return cpu::amx::usable();
  if (name.ends_with("AVX512-BF16")) return has_avx512_bf16();
  if (name.ends_with("AVX-512")) return has_avx512();
  if (name.ends_with("AVX2")) return has_avx2();
  return true;
#elif defined(__aarch64__)
  constexpr unsigned long kBf16 = 1ul << 14;  // HWCAP2_BF16
  if (family != "AArch64") return false;
  return !name.ends_with("bf16") || (getauxval(AT_HWCAP2) & kBf16) != 0;
#else
  return false;
#endif
}

}  // namespace

std::span<const CpuRow> known_cpus() { return kCpus; }

DeviceCaps this_cpu() {
  for (const CpuRow& row : kCpus)
    if (is_here(row)) return {row.name, row.native_bf16, row.native_f16, row.native_int8};
  return {.name = "an unknown CPU"};
}

}  // namespace newbie
