#include "backend/vulkan/kernel_list.h"

#include "backend/vulkan/kernels/kernels.h"
#include "graph/ops/all.h"

namespace newbie::vulkan {

namespace {

struct KernelMaker {
  const OpDef* op;
  // Null with a reason when it is not for this request.
  KernelOrNot (*make)(const KernelRequest& request, const Traits& traits, std::string* why_not);
};

// The ops that drawing needs. Training and evaluation compute on the CPU.
const KernelMaker kMakers[] = {
    {&linear_op, make_linear_int8},
    {&linear_op, make_linear},
    {&linear_add_op, make_linear},
    {&batched_matmul_op, make_batched_matmul},
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
    // A gather from a table that stays in the host's memory, and one row of sines.
    {&embedding_op, make_host_step},
    {&timestep_embedding_op, make_host_step},
};

}  // namespace

std::shared_ptr<const Kernel> make_best_kernel(const KernelRequest& request, const Traits& traits,
                                               std::string* why_not) {
  std::string refusals;
  for (const KernelMaker& maker : kMakers) {
    if (maker.op != request.op) continue;
    std::string why;
    if (auto kernel = maker.make(request, traits, &why)) return kernel;
    refusals += (refusals.empty() ? "" : "; ") + why;
  }
  if (why_not != nullptr) *why_not = refusals.empty() ? "no such kernel" : refusals;
  return nullptr;
}

}  // namespace newbie::vulkan
