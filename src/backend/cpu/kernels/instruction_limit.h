// One limit of instruction sets for all kernels.
#pragma once

namespace newbie::cpu {

// Keeps Highway's kernels to what oneDNN was limited to (ONEDNN_MAX_CPU_ISA), so that a machine computes as an older
// one would. Before the first kernel runs; does nothing without oneDNN and without a limit.
void limit_highway();

}  // namespace newbie::cpu
