// The instruction sets our kernels are compiled for: include before any Highway header. On x86 the compiler's baseline,
// AVX2 and AVX-512; on Arm NEON. Those in between would cost compile time and win little.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#include <hwy/targets.h>
