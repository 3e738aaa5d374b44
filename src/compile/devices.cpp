#include "compile/devices.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <fmt/format.h>

#include <string_view>

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

#if defined(__x86_64__)
// By CPUID, leaf 7: Clang 14 has no name for it.
bool has_amx_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & (1u << 22)) != 0;
}
#endif

// Whether the running CPU has what `row` is named after.
bool is_here(const CpuRow& row) {
  const std::string_view family = row.family, name = row.name;
#if defined(__x86_64__)
  if (family != "x86-64") return false;
  if (name.ends_with("AMX-BF16")) return has_amx_bf16() && __builtin_cpu_supports("avx512bf16");
  if (name.ends_with("AVX512-BF16")) return __builtin_cpu_supports("avx512bf16");
  if (name.ends_with("AVX-512")) return __builtin_cpu_supports("avx512f");
  if (name.ends_with("AVX2")) return __builtin_cpu_supports("avx2");
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

DeviceCaps accelerator(int major, int minor) {
  return {.name = fmt::format("an accelerator of compute capability {}.{}", major, minor),
          .native_bf16 = major >= 8,
          .native_f16 = true,
          .native_int8 = true};
}

}  // namespace newbie
