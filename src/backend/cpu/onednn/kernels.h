// Kernels built around oneDNN primitives. Every primitive runs on one thread inside a task of our pool; task borders
// follow from shapes alone, so results are the same bytes for any number of threads.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace newbie::cpu {

// Null and a reason in `why_not` when the request is not theirs.
std::shared_ptr<const HostKernel> make_onednn_linear(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_onednn_conv2d(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_onednn_pool2d(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_onednn_attention(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_onednn_matmul(const KernelRequest& request,
                                                     std::string* why_not);  // of two activations

std::string onednn_version();  // "oneDNN 2.7.2"

}  // namespace newbie::cpu
