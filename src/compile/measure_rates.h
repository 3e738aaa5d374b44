// How fast a backend multiplies matrices of each dtype on this machine.
#pragma once

#include <vector>

#include "backend/backend.h"
#include "core/parallel.h"

namespace newbie {

struct DTypeRate {
  DType dtype = DType::F32;
  double gflops = 0;  // 2·M·N·K a second, the best of a dozen runs
};

// F32, BF16, F16 and I8, each on a linear layer of 512 rows and a 1024 by 1024 weight, with f32 accumulation. Takes
// about a second.
std::vector<DTypeRate> measure_rates(const Backend& backend, ThreadPool& threads);

}  // namespace newbie
