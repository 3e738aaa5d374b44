// What the machine's arithmetic units can do at most: multiply-adds on registers, no memory. Speeds are told as shares
// of it. AMX is also measured with tiles that are loaded: from the first cache, sums staying in registers, and as large
// matrices are multiplied, rows and sums coming from the second.
#pragma once

#include <string>
#include <vector>

#include "core/parallel.h"

namespace newbie {

struct PeakRate {
  std::string dtype;        // "f32", "bf16", "int8"
  std::string instruction;  // "AVX-512 FMA", "AMX TDPBF16PS", …
  std::string operands;     // where they are: "registers", "first cache", "second cache"
  double operations = 0;    // multiplications and additions a second, all threads together
};

// Where operands may be. Caches: in registers, and loaded, too.
enum class PeakOperands { Registers, Caches };

// Every instruction this machine has for matrix products, those of f32 also as ways to multiply bf16, best of `repeats`
// runs of about 50 ms on all threads. Limits of the instruction set (ONEDNN_MAX_CPU_ISA) hold here too.
std::vector<PeakRate> measure_peak(ThreadPool& threads, PeakOperands operands = PeakOperands::Registers,
                                   int repeats = 5);

}  // namespace newbie
