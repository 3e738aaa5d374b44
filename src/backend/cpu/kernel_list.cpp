#include "backend/cpu/kernel_list.h"

#include "backend/cpu/amx/kernels.h"
#include "backend/cpu/kernels/kernels.h"
#include "backend/unused_kernels.h"
#include "graph/ops/all.h"

#if NEWBIE_ONEDNN
#include "backend/cpu/onednn/kernels.h"
#include "backend/cpu/onednn/reserve.h"
#endif

namespace newbie::cpu {

namespace {

const KernelMaker kMakers[] = {
    {&linear_op, make_amx_linear},
    {&attention_op, make_amx_attention},
#if NEWBIE_ONEDNN
    {&linear_op, make_onednn_linear},
    {&linear_add_op, make_onednn_linear},
    {&conv2d_op, make_onednn_conv2d},
    {&max_pool2d_op, make_onednn_pool2d},
    {&average_pool2d_op, make_onednn_pool2d},
    {&attention_op, make_onednn_attention},
    {&linear_transposed_op, make_onednn_matmul},
    {&batched_matmul_op, make_onednn_matmul},
    {&batched_outer_op, make_onednn_matmul},
#endif
    {&linear_op, make_linear},
    {&linear_add_op, make_linear},
    {&banded_conv2d_op, make_banded_conv2d},
    {&cast_op, make_map},
    {&silu_op, make_map},
    {&gelu_tanh_op, make_map},
    {&gelu_erf_op, make_map},
    {&tanh_op, make_map},
    {&relu_op, make_map},
    {&add_scalar_op, make_map},
    {&mul_scalar_op, make_map},
    {&add_op, make_combination},
    {&mul_op, make_combination},
    {&swiglu_op, make_combination},
    {&geglu_tanh_op, make_combination},
    {&silu_gradient_op, make_combination},
    {&modulate_op, make_modulation},
    {&gated_residual_op, make_modulation},
    {&rms_norm_op, make_rms_norm},
    {&norm_modulate_op, make_rms_norm},
    {&norm_residual_op, make_rms_norm},
    {&norm_gated_residual_op, make_rms_norm},
    {&layer_norm_op, make_layer_norm},
    {&rms_norm_gradient_op, make_norm_gradient},
    {&layer_norm_gradient_op, make_norm_gradient},
    {&attention_softmax_op, make_softmax},
    {&attention_softmax_gradient_op, make_softmax},
    {&group_norm_op, make_group_norm},
    {&group_norm_silu_op, make_group_norm},
    {&rope_op, make_rope},
    {&norm_rope_op, make_rope},
    {&embedding_op, make_embedding},
    {&mean_rows_op, make_row_sums},
    {&sum_rows_op, make_row_sums},
    {&slice_columns_op, make_copy},
    {&concat_rows_op, make_copy},
    {&concat_columns_op, make_copy},
    {&upsample_nearest_op, make_copy},
    {&permute_op, make_copy},
};

}  // namespace

std::span<const KernelMaker> kernel_makers() { return kMakers; }

#if NEWBIE_ONEDNN
std::string library_version() { return onednn_version(); }
#else
std::string library_version() { return "no oneDNN"; }
#endif

}  // namespace newbie::cpu

namespace newbie {

void forget_unused_kernels() {
#if NEWBIE_ONEDNN
  cpu::onednn::forget_primitives();
#endif
}

}  // namespace newbie
