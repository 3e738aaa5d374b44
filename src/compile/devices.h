// What machines compute natively: one row each, asked for by this_cpu() and by the rule for accelerators.
#pragma once

#include <span>
#include <string>

namespace newbie {

// What a device's backend computes natively: matrices of that dtype are multiplied faster than f32 ones.
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

// The first row of this family whose features the running CPU has.
DeviceCaps this_cpu();

// An accelerator of compute capability `major`.`minor`, by the rule of PyTorch programs: bf16 from 8.0 on, f16 before.
// There is no backend for one yet.
DeviceCaps accelerator(int major, int minor);

}  // namespace newbie
