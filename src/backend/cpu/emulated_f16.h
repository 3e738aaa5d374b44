// f16 on a CPU without kernels for it: an f32 kernel between widened operands and a rounded result.
#pragma once

#include <functional>
#include <memory>

#include "backend/backend.h"

namespace newbie::cpu {

// A kernel for a request with f16 operands or an f16 result, around the kernel that `make` has for the same op in f32.
// Operands are widened, which is exact; the f32 result is rounded to f16 to nearest even, beyond 65504 to infinity:
// what hardware gives that multiplies f16 and sums in f32. Null when the op only moves or looks up, or `make` gives
// null.
std::shared_ptr<const HostKernel> make_emulated_f16(
    const KernelRequest& request, const std::function<std::shared_ptr<const HostKernel>(const KernelRequest&)>& make);

}  // namespace newbie::cpu
