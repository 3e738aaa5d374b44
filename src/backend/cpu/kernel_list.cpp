#include "backend/cpu/kernel_list.h"

#include "graph/ops/attention.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/linear.h"

#if NEWBIE_ONEDNN
#include "backend/cpu/onednn/kernels.h"
#endif

namespace newbie::cpu {

namespace {

const KernelMaker kMakers[] = {
#if NEWBIE_ONEDNN
    {&linear_op, make_onednn_linear},
    {&conv2d_op, make_onednn_conv2d},
    {&attention_op, make_onednn_attention},
#endif
};

}  // namespace

std::span<const KernelMaker> kernel_makers() { return kMakers; }

}  // namespace newbie::cpu
