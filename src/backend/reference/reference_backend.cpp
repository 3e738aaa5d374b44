// The backend of plain loops: the oracle of the tests, and the fallback where a faster backend has no kernel.
#include "backend/reference/elements.h"
#include "backend/reference/loops.h"
#include "graph/ops/all.h"

namespace newbie {

namespace reference {
namespace {

struct Row {
  const OpDef* op;
  Loops (*make)(const KernelRequest& request);
};

constexpr Row kRows[] = {
    {&cast_op, cast_loops},
    {&linear_op, linear_loops},
    {&linear_add_op, linear_add_loops},
    {&linear_transposed_op, linear_transposed_loops},
    {&batched_matmul_op, batched_matmul_loops},
    {&batched_outer_op, batched_outer_loops},
    {&conv2d_op, conv2d_loops},
    {&banded_conv2d_op, banded_conv2d_loops},
    {&max_pool2d_op, max_pool2d_loops},
    {&average_pool2d_op, average_pool2d_loops},
    {&attention_op, attention_loops},
    {&attention_softmax_op, attention_softmax_loops},
    {&attention_softmax_gradient_op, attention_softmax_gradient_loops},
    {&rms_norm_op, rms_norm_loops},
    {&layer_norm_op, layer_norm_loops},
    {&rms_norm_gradient_op, rms_norm_gradient_loops},
    {&layer_norm_gradient_op, layer_norm_gradient_loops},
    {&group_norm_op, group_norm_loops},
    {&group_norm_silu_op, group_norm_silu_loops},
    {&silu_op, silu_loops},
    {&gelu_tanh_op, gelu_tanh_loops},
    {&gelu_erf_op, gelu_erf_loops},
    {&tanh_op, tanh_loops},
    {&relu_op, relu_loops},
    {&add_scalar_op, add_scalar_loops},
    {&mul_scalar_op, mul_scalar_loops},
    {&add_op, add_loops},
    {&mul_op, mul_loops},
    {&silu_gradient_op, silu_gradient_loops},
    {&dropout_op, dropout_loops},
    {&swiglu_op, swiglu_loops},
    {&geglu_tanh_op, geglu_tanh_loops},
    {&modulate_op, modulate_loops},
    {&gated_residual_op, gated_residual_loops},
    {&norm_modulate_op, norm_modulate_loops},
    {&norm_gated_residual_op, norm_gated_residual_loops},
    {&norm_residual_op, norm_residual_loops},
    {&rope_op, rope_loops},
    {&norm_rope_op, norm_rope_loops},
    {&embedding_op, embedding_loops},
    {&timestep_embedding_op, timestep_embedding_loops},
    {&mean_rows_op, mean_rows_loops},
    {&sum_rows_op, sum_rows_loops},
    {&squared_error_op, squared_error_loops},
    {&squared_error_gradient_op, squared_error_gradient_loops},
    {&slice_columns_op, slice_columns_loops},
    {&permute_op, permute_loops},
    {&concat_rows_op, concat_rows_loops},
    {&concat_columns_op, concat_columns_loops},
    {&upsample_nearest_op, upsample_nearest_loops},
    {&pad_rows_op, pad_rows_loops},
    {&pad_columns_op, pad_columns_loops},
};

// Why the dtypes of `request` are not for plain loops; empty when they are.
std::string refusal(const KernelRequest& request) {
  if (request.op->numeric_class == NumericClass::Movement) {
    for (const TensorSpec& in : request.inputs)
      if (in.dtype != request.output.dtype)
        return fmt::format("moves {} into {}, and only casts change a dtype", to_string(in.dtype),
                           to_string(request.output.dtype));
    return {};
  }
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const DType dtype = request.inputs[i].dtype;
    const bool ids = request.op->row_table && i != request.op->row_table;
    if (ids ? dtype != DType::I32 : !is_readable(dtype))
      return fmt::format("input {} is {}, expected {}", i, to_string(dtype), ids ? "i32" : "f32, bf16 or f16");
  }
  if (!is_readable(request.output.dtype))
    return fmt::format("result is {}, expected f32, bf16 or f16", to_string(request.output.dtype));
  return {};
}

class ReferenceKernel final : public HostKernel {
 public:
  ReferenceKernel(const KernelRequest& request, Loops loops)
      : name_(fmt::format("reference.{}", request.op->name)), threads_(request.threads), loops_(std::move(loops)) {}

  size_t scratch_bytes() const override {
    return checked_mul(checked_mul(loops_.doubles_per_worker, sizeof(double)), static_cast<size_t>(threads_));
  }
  std::optional<size_t> in_place_input() const override { return loops_.in_place_input; }
  std::string name() const override { return name_; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > threads_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name_, threads_, args.threads.size());
    loops_.run(args, {args.scratch, loops_.doubles_per_worker});
  }

 private:
  std::string name_;
  int threads_;
  Loops loops_;
};

class ReferenceBackend final : public HostBackend {
 public:
  std::string name() const override { return "reference"; }

  std::shared_ptr<const HostKernel> make_host_kernel(const KernelRequest& request,
                                                     std::string* why_not) const override {
    std::string why = "no such op";
    for (const Row& row : kRows) {
      if (row.op != request.op) continue;
      why = refusal(request);
      if (why.empty()) return std::make_shared<ReferenceKernel>(request, row.make(request));
    }
    if (why_not != nullptr) *why_not = why;
    return nullptr;
  }
};

}  // namespace
}  // namespace reference

std::unique_ptr<HostBackend> make_reference_backend() { return std::make_unique<reference::ReferenceBackend>(); }

}  // namespace newbie
