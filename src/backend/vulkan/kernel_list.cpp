#include "backend/vulkan/kernel_list.h"

#include "backend/vulkan/kernels/kernels.h"
#include "graph/ops/all.h"

namespace newbie::vulkan {

namespace {

// All ops but gradients and what training alone draws; of those that only training or evaluation use, products, padding
// and pooling are here, because one shader serves them.
const KernelMaker kMakers[] = {
    {&linear_op, make_linear},
    {&linear_add_op, make_linear},
    {&linear_transposed_op, make_linear_transposed},
    {&batched_matmul_op, make_batched_matmul},
    {&batched_outer_op, make_batched_outer},
    {&conv2d_op, make_conv2d},
    {&attention_op, make_attention},
    {&attention_softmax_op, make_attention_softmax},
    {&rms_norm_op, make_rms_norm},
    {&norm_modulate_op, make_rms_norm},
    {&norm_residual_op, make_rms_norm},
    {&norm_gated_residual_op, make_rms_norm},
    {&norm_rope_op, make_rope},
    {&rope_op, make_rope},
    {&layer_norm_op, make_layer_norm},
    {&group_norm_op, make_group_norm},
    {&group_norm_silu_op, make_group_norm},
    {&cast_op, make_pointwise},
    {&silu_op, make_pointwise},
    {&gelu_tanh_op, make_pointwise},
    {&gelu_erf_op, make_pointwise},
    {&tanh_op, make_pointwise},
    {&relu_op, make_pointwise},
    {&add_scalar_op, make_pointwise},
    {&mul_scalar_op, make_pointwise},
    {&add_op, make_pointwise},
    {&mul_op, make_pointwise},
    {&swiglu_op, make_pointwise},
    {&geglu_tanh_op, make_pointwise},
    {&modulate_op, make_pointwise},
    {&gated_residual_op, make_pointwise},
    {&mean_rows_op, make_mean_rows},
    {&slice_columns_op, make_movement},
    {&permute_op, make_movement},
    {&concat_rows_op, make_movement},
    {&concat_columns_op, make_movement},
    {&pad_rows_op, make_movement},
    {&pad_columns_op, make_movement},
    {&upsample_nearest_op, make_movement},
    {&max_pool2d_op, make_pool2d},
    {&average_pool2d_op, make_pool2d},
    // A gather from a table that stays in the host's memory, and one row of sines.
    {&embedding_op, make_host_step},
    {&timestep_embedding_op, make_host_step},
};

}  // namespace

std::span<const KernelMaker> kernel_makers() { return kMakers; }

}  // namespace newbie::vulkan
