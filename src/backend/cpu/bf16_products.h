// How this CPU's products of bf16 numbers are computed.
#pragma once

namespace newbie::cpu {

// Whether bf16 operands are widened, which is exact, and multiplied as f32, rather than by an instruction for pairs of
// bf16: where the CPU has none (oneDNN computes one by many others, at a fifth of f32's rate), and where f32's is the
// faster. That is so on Intel's without AMX: `newbie bench peak` on two cores of an Emerald Rapids whose host hides AMX
// finds 185 GFLOP/s of VDPBF16PS and 375 of f32 FMA; AMD's Zen 4 and 5 have twice the rate of f32. A rule about the CPU
// and no measurement, so that a machine draws the same bytes again. NEWBIE_BF16 = instruction | widened decides
// instead.
bool widens_bf16();

}  // namespace newbie::cpu
