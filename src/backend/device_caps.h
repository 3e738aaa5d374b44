// What a device computes natively: asked of its backend (Backend::caps) when dtypes are chosen.
#pragma once

#include <span>
#include <string>

namespace newbie {

// Matrices of a native dtype are multiplied faster than f32 ones.
struct DeviceCaps {
  std::string name;  // "x86-64 with AVX512-BF16", "AArch64 with NEON", …
  bool native_bf16 = false;
  bool native_f16 = false;
  bool native_int8 = false;
};

// CPUs, those of a family best first.
struct CpuRow {
  const char* family;  // "x86-64", "AArch64"
  const char* name;
  bool native_bf16, native_f16, native_int8;
};
std::span<const CpuRow> known_cpus();

// The first row of this family whose features the running CPU has and kernels may use (ONEDNN_MAX_CPU_ISA hides some).
DeviceCaps this_cpu();

}  // namespace newbie
