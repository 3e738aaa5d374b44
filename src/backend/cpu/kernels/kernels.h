// Our own kernels: vector code for f32 and bf16, and plain copies. Tasks are blocks of rows whose borders follow from
// shapes alone, so results are the same bytes for any number of threads.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace newbie::cpu {

// Null and a reason in `why_not` (may be null) when the request is not theirs.
std::shared_ptr<const HostKernel> make_linear(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_rms_norm(const KernelRequest& request,
                                                std::string* why_not);  // and what fuse makes of it
std::shared_ptr<const HostKernel> make_layer_norm(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_norm_gradient(const KernelRequest& request,
                                                     std::string* why_not);  // of an RMS or layer norm
std::shared_ptr<const HostKernel> make_softmax(const KernelRequest& request,
                                               std::string* why_not);  // attention's, and its gradient
std::shared_ptr<const HostKernel> make_group_norm(const KernelRequest& request,
                                                  std::string* why_not);  // with or without SiLU
std::shared_ptr<const HostKernel> make_banded_conv2d(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_rope(const KernelRequest& request,
                                            std::string* why_not);                               // with or without norm
std::shared_ptr<const HostKernel> make_map(const KernelRequest& request, std::string* why_not);  // cast, activations
std::shared_ptr<const HostKernel> make_combination(const KernelRequest& request,
                                                   std::string* why_not);  // add, mul, gated products
std::shared_ptr<const HostKernel> make_modulation(const KernelRequest& request,
                                                  std::string* why_not);  // without a norm
std::shared_ptr<const HostKernel> make_embedding(const KernelRequest& request, std::string* why_not);
std::shared_ptr<const HostKernel> make_row_sums(const KernelRequest& request, std::string* why_not);  // mean, sum
std::shared_ptr<const HostKernel> make_copy(const KernelRequest& request,
                                            std::string* why_not);  // slices, joins, upsampling, permutations

}  // namespace newbie::cpu
