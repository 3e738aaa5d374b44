// The rule for accelerators that have no backend yet. What a backend's device computes is asked of it.
#pragma once

#include "backend/backend.h"

namespace newbie {

// An accelerator of compute capability `major`.`minor`, by the rule of PyTorch programs: bf16 from 8.0 on, f16 before.
// There is no backend for one yet.
DeviceCaps accelerator(int major, int minor);

}  // namespace newbie
