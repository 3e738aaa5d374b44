// Kernels on AMX tiles: better than oneDNN's (2.6) on machines that have them. Each refuses elsewhere, and oneDNN's is
// its twin for other machines.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace newbie::cpu {

// Null and a reason in `why_not` when the request is not theirs.
std::shared_ptr<const HostKernel> make_amx_linear(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_amx_attention(const KernelRequest& request, std::string* why_not);

}  // namespace newbie::cpu
