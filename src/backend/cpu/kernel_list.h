// The CPU backend's kernels, written out: one factory a kernel family. How they are tried: cpu_backend.cpp.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backend/backend.h"

namespace newbie::cpu {

// `make` gives null when the kernel cannot serve the request; `why_not` (never null) then tells the reason.
struct KernelMaker {
  const OpDef* op;
  std::shared_ptr<const HostKernel> (*make)(const KernelRequest& request, std::string* why_not);
};

// Best first for every op.
std::span<const KernelMaker> kernel_makers();

// The libraries behind them, with their versions.
std::string library_version();

}  // namespace newbie::cpu
