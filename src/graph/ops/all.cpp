#include "graph/ops/all.h"

namespace newbie {

std::span<const OpDef* const> all_ops() {
  static const OpDef* const list[] = {
      &input_op,
      &weight_op,
      &constant_op,
      &cast_op,
      &linear_op,
      &linear_add_op,
      &batched_matmul_op,
      &conv2d_op,
      &banded_conv2d_op,
      &max_pool2d_op,
      &average_pool2d_op,
      &attention_op,
      &attention_softmax_op,
      &rms_norm_op,
      &layer_norm_op,
      &group_norm_op,
      &group_norm_silu_op,
      &silu_op,
      &gelu_tanh_op,
      &gelu_erf_op,
      &tanh_op,
      &relu_op,
      &add_scalar_op,
      &add_op,
      &mul_op,
      &swiglu_op,
      &geglu_tanh_op,
      &modulate_op,
      &gated_residual_op,
      &norm_modulate_op,
      &norm_gated_residual_op,
      &norm_residual_op,
      &rope_op,
      &norm_rope_op,
      &embedding_op,
      &timestep_embedding_op,
      &mean_rows_op,
      &reshape_op,
      &slice_rows_op,
      &slice_columns_op,
      &permute_op,
      &concat_rows_op,
      &concat_columns_op,
      &upsample_nearest_op,
  };
  return list;
}

}  // namespace newbie
